package validate

import (
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const manifests = "../kubernetes"

// What may stand in one namespace: one of the overlays with nodes, and with it
// what is applied later.
var stacks = map[string][]string{
	"anti-pattern":      {"anti-pattern", "experiment", "reader"},
	"works/statefulset": {"works/statefulset", "experiment", "reader"},
	"works/recreate":    {"works/recreate", "experiment", "reader"},
}

func tree(t *testing.T) filesys.FileSystem {
	t.Helper()
	tree, err := ReadTree(manifests)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestManifests(t *testing.T) {
	for name, dirs := range stacks {
		t.Run(name, func(t *testing.T) { none(t, CheckManifests(tree(t), dirs...)) })
	}
	t.Run("sources", func(t *testing.T) { none(t, CheckSources(tree(t))) })
}

// Every kustomization stands in a stack or is a part of one: none is forgotten.
func TestEveryKustomizationIsChecked(t *testing.T) {
	known := map[string]bool{"base/pod": true, "base/node": true}
	for _, dirs := range stacks {
		for _, dir := range dirs {
			known[dir] = true
		}
	}
	files, err := tree(t).Glob("/*/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := tree(t).Glob("/*/*/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, deeper...)
	if len(files) != len(known) {
		t.Errorf("%d kustomizations, %d of them checked: %v", len(files), len(known), files)
	}
	for _, file := range files {
		if dir := strings.TrimSuffix(strings.TrimPrefix(file, "/"), "/kustomization.yaml"); !known[dir] {
			t.Errorf("%s is in no stack", dir)
		}
	}
}

// The positive controls: each breaks one line of one file, and the same check
// as above must say so.
func TestBrokenManifestsAreRefused(t *testing.T) {
	const anti, set, recreate = "anti-pattern", "works/statefulset", "works/recreate"
	for _, c := range []struct{ name, stack, file, from, to, want string }{
		{"a misspelt field", recreate, "works/recreate/deployment.yaml", "replicas: 1", "replica: 1", `unknown field "spec.replica"`},
		{"a misspelt field in a patch", recreate, "base/node/node.yaml", "failureThreshold: 60", "failureTreshold: 60", `failureTreshold`},
		{"a field of the wrong case", anti, "base/pod/hardened.yaml", "runAsNonRoot", "runAsNonroot", `runAsNonroot`},
		{"a field of the wrong type", recreate, "works/recreate/deployment.yaml", "replicas: 1", `replicas: "one"`, "replicas"},
		{"a misspelt field of the kustomization", recreate, "works/recreate/kustomization.yaml", "components:", "component:", `component`},
		{"a patch for a container that is not there", recreate, "base/node/node.yaml", "- name: contend\n", "- name: contended\n", "has no image"},
		{"a field given twice", recreate, "works/recreate/deployment.yaml", "replicas: 1", "replicas: 1\n  replicas: 2", "already"},
		{"a field given twice in a patch", recreate, "base/node/node.yaml", "terminationGracePeriodSeconds: 60", "terminationGracePeriodSeconds: 60\n      terminationGracePeriodSeconds: 6", "already"},
		{"an image without a version", set, "works/statefulset/kustomization.yaml", "  - ../../base/node\n  - ../../base/pod\n", "  - ../../base/pod\n  - ../../base/node\n", `image "contend" says no version`},
		{"a kind that does not exist", recreate, "works/recreate/claim.yaml", "kind: PersistentVolumeClaim", "kind: PersistentVolumeClam", "PersistentVolumeClam"},
		{"an amount that is none", recreate, "works/recreate/claim.yaml", "1Gi", "1Gb", "quantities must match"},

		{"a Service that selects nothing", recreate, "base/node/services.yaml", "component: node", "component: nodes", "Service/contend-nodes: the selector matches no pod"},
		{"a workload that does not select its own pods", set, "works/statefulset/statefulset.yaml", "  matchLabels:\n      app.kubernetes.io/name: contend", "  matchLabels:\n      app.kubernetes.io/name: contented", "does not match the labels of its own pods"},
		{"a policy that covers nothing", recreate, "base/node/network-policy.yaml", "component: node", "component: nodes", "NetworkPolicy/contend-nodes: the podSelector matches no pod"},
		{"a policy that keeps the experiment out", recreate, "experiment/job.yaml", "contend.example.com/client", "contend.example.com/cleint", "a NetworkPolicy keeps it out"},
		{"a label that the API server refuses", recreate, "base/node/kustomization.yaml", "part-of: contend", "part-of: 'con tend'", "Invalid value"},
		{"a name that the API server refuses", recreate, "works/recreate/claim.yaml", "name: contend-data", "name: contend_data", "Invalid value"},
		{"a namespace", recreate, "works/recreate/claim.yaml", "name: contend-data", "name: contend-data\n  namespace: mine", "namespace"},

		{"a targetPort that no container has", recreate, "base/node/services.yaml", "targetPort: http", "targetPort: web", "targetPort web is no port"},
		{"a headless port where nobody listens", recreate, "base/node/services.yaml", "port: 3000", "port: 80", "is headless"},
		{"a governing Service that does not exist", set, "works/statefulset/statefulset.yaml", "serviceName: contend-nodes", "serviceName: contended", "no headless Service"},
		{"an experiment that goes nowhere", set, "experiment/job.yaml", "http://contend-nodes:3000", "http://contend-node:3000", "no Service is called"},
		{"an experiment that goes to a wrong port", set, "experiment/job.yaml", "http://contend-nodes:3000", "http://contend-nodes:80", "no port of the Service"},

		{"a claim that nobody makes", recreate, "works/recreate/deployment.yaml", "claimName: contend-data", "claimName: contend-date", `claim "contend-date", which nobody makes`},
		{"a claim that nobody uses", recreate, "works/recreate/deployment.yaml", "claimName: contend-data", "claimName: contend-date", "PersistentVolumeClaim/contend-data: nobody uses it"},
		{"a mount of no volume", recreate, "works/recreate/deployment.yaml", "- name: data", "- name: date", `mounts "data", which is no volume`},
		{"a template that nobody mounts", set, "works/statefulset/statefulset.yaml", "name: data", "name: date", `volume "date" is mounted nowhere`},
		{"a database beside the volume", set, "base/node/node.yaml", "value: /data/shared.db", "value: /date/shared.db", "on no volume that it may write"},
		{"reports on a volume that is read only", set, "experiment/job.yaml", "mountPath: /runs", "mountPath: /runs\n              readOnly: true", "on no volume that it may write"},
		{"only the file is mounted", set, "base/node/node.yaml", "mountPath: /data", "mountPath: /data/shared.db\n              subPath: shared.db", "mounts a part"},
		{"an access mode that does not exist", recreate, "works/recreate/claim.yaml", "ReadWriteOncePod", "ReadWriteOncePot", "access mode"},

		{"two replicas of the single writer", recreate, "works/recreate/deployment.yaml", "replicas: 1", "replicas: 2", "not labelled"},
		{"two replicas of the StatefulSet", set, "works/statefulset/statefulset.yaml", "replicas: 1", "replicas: 2", "not labelled"},
		{"replicas left out, for an autoscaler to choose", recreate, "works/recreate/deployment.yaml", "replicas: 1", "paused: false", "not labelled"},
		{"a rolling update", recreate, "works/recreate/deployment.yaml", "type: Recreate", "type: RollingUpdate", "strategy is not Recreate"},
		{"a claim for many", recreate, "works/recreate/claim.yaml", "ReadWriteOncePod", "ReadWriteMany", "is ReadWriteMany, and it is not labelled"},
		{"the anti-pattern without its label", anti, "anti-pattern/kustomization.yaml", "contend.example.com/anti-pattern", "contend.example.com/pattern", "not labelled"},
		{"the anti-pattern without what happens", anti, "anti-pattern/kustomization.yaml", "contend.example.com/what-happens", "contend.example.com/note", "does not say what happens"},
		{"the label on what works", recreate, "works/recreate/kustomization.yaml", "components:", "labels: [{pairs: {contend.example.com/anti-pattern: 'true'}}]\ncomponents:", "has one writer"},

		{"root", recreate, "base/pod/hardened.yaml", "runAsUser: 10001", "runAsUser: 0", "runAsUser=0"},
		{"maybe root", recreate, "base/pod/hardened.yaml", "runAsNonRoot: true", "runAsNonRoot: false", "runAsNonRoot"},
		{"no user named", recreate, "base/pod/hardened.yaml", "        runAsUser: 10001\n", "", "does not name the user"},
		{"a capability kept", recreate, "base/pod/hardened.yaml", "drop: [ALL]", "drop: [NET_RAW]", "unrestricted capabilities"},
		{"a capability kept by the reader", anti, "reader/pod.yaml", "drop: [ALL]", "drop: [ALL]\n          add: [SYS_ADMIN]", "capabilities"},
		{"a way to become root", set, "base/pod/hardened.yaml", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "allowPrivilegeEscalation"},
		{"no seccomp profile", set, "base/pod/hardened.yaml", "type: RuntimeDefault", "type: Unconfined", "seccompProfile"},
		{"a root file system that can be written", set, "base/pod/hardened.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "can write to its root file system"},
		{"a token", set, "base/pod/hardened.yaml", "automountServiceAccountToken: false", "automountServiceAccountToken: true", "token"},
		{"an experiment without what every pod has", set, "experiment/kustomization.yaml", "- ../base/pod", "[]", "Pod Security"},
		{"no memory limit", set, "base/node/node.yaml", "limits: {cpu: 500m, memory: 128Mi}", "limits: {cpu: 500m}", "no memory limit"},
		{"a request above its limit", set, "experiment/job.yaml", "requests: {cpu: 500m", "requests: {cpu: 5000m", "more than its limit"},
		{"no readiness probe", set, "base/node/node.yaml", "          readinessProbe:\n            httpGet: {path: /health, port: http}\n            periodSeconds: 5\n            timeoutSeconds: 3\n            failureThreshold: 2\n", "", "readiness probe: none"},
		{"a probe of something else", set, "base/node/node.yaml", "path: /health", "path: /healthy", "want /health"},
		{"a probe on a port that is none", set, "base/node/node.yaml", "path: /health, port: http", "path: /health, port: 3001", "port 3001 is no port"},
		{"a probe with less patience than /health", set, "base/node/node.yaml", "timeoutSeconds: 3", "timeoutSeconds: 1", "waits 1 s"},
		{"an experiment that tries again", anti, "experiment/job.yaml", "backoffLimit: 0", "backoffLimit: 3", "tries again"},
		{"an experiment that restarts", anti, "experiment/job.yaml", "restartPolicy: Never", "restartPolicy: OnFailure", "restarts its container"},
	} {
		t.Run(c.name, func(t *testing.T) {
			broken := tree(t)
			replace(t, broken, c.file, c.from, c.to)
			some(t, append(CheckManifests(broken, stacks[c.stack]...), CheckSources(broken)...), c.want)
		})
	}
}

// replace puts to for from, wherever it stands in a file.
func replace(t *testing.T, tree filesys.FileSystem, file, from, to string) {
	t.Helper()
	data, err := tree.ReadFile("/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), from) {
		t.Fatalf("%s does not hold %q any more", file, from)
	}
	if err := tree.WriteFile("/"+file, []byte(strings.ReplaceAll(string(data), from, to))); err != nil {
		t.Fatal(err)
	}
}

func none(t *testing.T, found []Problem) {
	t.Helper()
	for _, p := range found {
		t.Error(p)
	}
}

// some wants a problem that says want.
func some(t *testing.T, found []Problem, want string) {
	t.Helper()
	for _, p := range found {
		if strings.Contains(p.String(), want) {
			return
		}
	}
	t.Errorf("no problem says %q; found: %v", want, found)
}
