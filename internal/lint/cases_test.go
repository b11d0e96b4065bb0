package lint

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// none is a read function where there is no other file.
func none(string) ([]byte, error) { return nil, errors.New("no such file") }

// files is a read function over texts by name.
func files(texts map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if text, ok := texts[name]; ok {
			return []byte(text), nil
		}
		return none(name)
	}
}

func lintText(text string) *Report {
	return Files([]Source{{"x.yaml", []byte(text)}}, none)
}

var expected = regexp.MustCompile(`(?m)^ +- (\S+)  severity=(\w+)  at=(\S+)`)

// Files of real shapes, beside what a careful reader finds in them.
func TestCases(t *testing.T) {
	names, err := filepath.Glob("testdata/cases/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal("no cases", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			expect, err := os.ReadFile(strings.TrimSuffix(name, ".yaml") + ".expect")
			if err != nil {
				t.Fatal(err)
			}
			r := Files([]Source{{name, text}}, none)
			left := slices.Clone(r.Findings)
			for _, want := range expected.FindAllStringSubmatch(string(expect), -1) {
				subject := strings.FieldsFunc(want[3], func(r rune) bool { return r == ':' || r == ',' })[0] // the rest is as people write
				at := slices.IndexFunc(left, func(f Finding) bool {
					return f.Rule == want[1] && f.Severity.String() == want[2] && strings.HasPrefix(f.At, subject)
				})
				if at < 0 {
					t.Errorf("not found: %s %s at %s", want[1], want[2], want[3])
					continue
				}
				left = slices.Delete(left, at, at+1)
			}
			tolerable := strings.Contains(string(expect), "tolerable")
			for _, f := range left {
				if f.Severity == Error && !strings.Contains(string(expect), "- "+f.Rule+" ") || strings.Contains(string(expect), "findings: none") && !(tolerable && f.Severity == Notice) {
					t.Errorf("too much: %s", f.String())
				} else {
					t.Logf("more: %s", f.String())
				}
			}
			if len(r.Unread) > 0 || len(r.Strange) > 0 {
				t.Errorf("not read: %v %v", r.Unread, r.Strange)
			}
			for _, f := range r.Findings {
				if f.Line < 1 || f.Line > strings.Count(string(text), "\n")+1 || f.File != name {
					t.Errorf("no such place: %s", f.String())
				}
			}
		})
	}
}

// said is what a report has, a line each: rule, severity, subject.
func said(r *Report) []string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, f.Rule+" "+f.Severity.String()+" "+f.At)
	}
	slices.Sort(all)
	return all
}

// Each rule with a file that it catches and one that it must not catch.
func TestRules(t *testing.T) {
	const app = "services:\n  app:\n    image: example/app\n"
	service := func(rest string) string {
		return app + "    " + strings.ReplaceAll(strings.TrimSpace(rest), "\n", "\n    ") + "\n"
	}
	pod := func(kind, head, container, volumes string) string {
		return "apiVersion: apps/v1\nkind: " + kind + "\nmetadata: {name: app}\nspec:\n  " + head +
			"\n  template:\n    spec:\n      containers:\n        - {name: app, image: example/app, env: [{name: DB, value: /data/app.sqlite}]" + container + "}\n      volumes: [" + volumes + "]\n"
	}
	const mount, recreate = ", volumeMounts: [{name: d, mountPath: /data}]", "strategy: {type: Recreate}"
	const claim = "{name: d, persistentVolumeClaim: {claimName: c}}"
	caught := map[string]bool{}
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"file, long form", service("volumes: [{type: bind, source: ./app.db, target: /data/app.db}]"), []string{"single-file-mount error app:/data/app.db"}},
		{"file, Windows", service(`volumes: ['C:\app\app.sqlite:/data/app.sqlite:rw']`), []string{"single-file-mount error app:/data/app.sqlite"}},
		{"file, subPath", pod("Deployment", recreate, ", volumeMounts: [{name: d, mountPath: /data/app.sqlite, subPath: app.sqlite}]", claim), []string{"single-file-mount error Deployment/app:/data/app.sqlite"}},
		{"file, with variables", service("volumes: ['${DB:-./my.sqlite3}:/srv/my.sqlite3']"), []string{"single-file-mount error app:/srv/my.sqlite3"}},
		{"file that nobody writes", service("volumes: ['./words.sqlite:/words.sqlite:ro']"), []string{"single-file-mount notice app:/words.sqlite"}},
		{"BoltDB's file", "services:\n  f:\n    image: filebrowser/filebrowser\n    volumes: ['./filebrowser.db:/database.db']\n", nil},
		{"no database", service("volumes: ['./app.conf:/etc/app.conf', './GeoLite2.mmdb:/geo.mmdb']"), nil},
		{"directory", service("environment: {DB_PATH: /data/app.sqlite}\nvolumes: ['./data:/data']"), nil},

		{"NFS, long mount", service("environment: {DATABASE_URL: 'file:/data/app.db'}\nvolumes: [{type: volume, source: d, target: /data}]") + "volumes: {d: {driver_opts: {type: nfs4, device: ':/x', o: addr=192.0.2.1}}}\n",
			[]string{"network-filesystem error volumes.d"}},
		{"SMB by its path", service("environment: {DATABASE_URL: 'sqlite:////data/app.db'}\nvolumes: ['//192.0.2.1/share:/data']"), []string{"network-filesystem error //192.0.2.1/share"}},
		{"a driver", service("environment: {DATABASE_URL: 'sqlite:////data/app.db'}\nvolumes: ['d:/data']") + "volumes: {d: {driver: rclone}}\n", []string{"network-filesystem error volumes.d"}},
		{"a bind of a named volume", service("environment: {DATABASE_URL: 'sqlite:////data/app.db'}\nvolumes: ['d:/data']") + "volumes: {d: {driver: local, driver_opts: {type: none, o: bind, device: /srv/app}}}\n", nil},
		{"a path named after NFS", service("environment: {DATABASE_URL: 'sqlite:////data/app.db'}\nvolumes: ['/mnt/nfs/app:/data']"), []string{"network-filesystem notice /mnt/nfs/app"}},
		{"NFS in a pod", pod("Deployment", recreate, mount, "{name: d, nfs: {server: 192.0.2.1, path: /x}}"), []string{"network-filesystem warning volume d"}},
		{"Azure Files by CSI", pod("StatefulSet", "replicas: 1", mount, "{name: d, csi: {driver: file.csi.azure.com}}"), []string{"network-filesystem error volume d"}},
		{"a block device by CSI", pod("StatefulSet", "replicas: 1", mount, "{name: d, csi: {driver: ebs.csi.aws.com}}"), nil},
		{"ReadWriteMany on a host's disk", pod("Deployment", recreate, mount, claim) + "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: c}\nspec: {accessModes: [ReadWriteMany], storageClassName: '', volumeName: v}\n---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {name: v}\nspec: {hostPath: {path: /srv/x}}\n", nil},
		{"films on NFS", "services:\n  jelly:\n    image: jellyfin/jellyfin\n    volumes: ['./config:/config', 'media:/media']\nvolumes: {media: {driver_opts: {type: nfs, o: 'addr=192.0.2.1,nolock', device: ':/m'}}}\n", nil},

		{"nolock", service("environment: {DATABASE_URL: 'sqlite:////data/app.db'}\nvolumes: ['d:/data']") + "volumes: {d: {driver_opts: {type: nfs, device: ':/x', o: 'addr=192.0.2.1,nolock'}}}\n",
			[]string{"locks-disabled error volumes.d (nolock)", "network-filesystem error volumes.d"}},
		{"nobrl in a class", pod("StatefulSet", "replicas: 1", mount, claim) + "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: c}\nspec: {accessModes: [ReadWriteOnce], storageClassName: share}\n---\napiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: share}\nprovisioner: file.csi.azure.com\nmountOptions: [dir_mode=0777, nobrl]\n",
			[]string{"locks-disabled error PersistentVolumeClaim/c (nobrl)", "network-filesystem error PersistentVolumeClaim/c"}},
		{"nolock=1 in a URL", service("environment: {DSN: 'file:/data/app.db?nolock=1&_busy_timeout=5000'}\nvolumes: ['d:/data']\n") + "volumes: {d: {}}\n", []string{"locks-disabled error app:/data/app.db"}},
		{"locks as they are", service("environment: {DSN: 'file:/data/app.db?_busy_timeout=5000'}\nvolumes: ['d:/data']\n") + "volumes: {d: {}}\n", nil},

		{"scaled worker", "services:\n  worker:\n    build: .\n    deploy: {replicas: 3}\n    environment: {DB: /data/q.sqlite}\n    volumes: ['d:/data']\nvolumes: {d: {}}\n", []string{"replicas-one-file warning worker:/data/q.sqlite"}},
		{"scale", service("scale: 2\nenvironment: [DB=/data/q.sqlite]\nvolumes: ['d:/data']"), []string{"replicas-one-file warning app:/data/q.sqlite"}},
		{"an autoscaler", pod("Deployment", recreate, mount, claim) + "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: h}\nspec: {scaleTargetRef: {kind: Deployment, name: app}, minReplicas: 1, maxReplicas: 4}\n", []string{"replicas-one-file error Deployment/app"}},
		{"StatefulSet, one claim", pod("StatefulSet", "replicas: 2", mount, claim), []string{"replicas-one-file error StatefulSet/app"}},
		{"StatefulSet of one", pod("StatefulSet", "replicas: 1", mount, claim), nil},
		{"VACUUM INTO", "services:\n  app:\n    image: example/app\n    environment: {DB: /data/a.sqlite}\n    volumes: ['d:/data']\n  backup:\n    image: alpine\n    command: [sh, -c, 'set -eu; f=/backup/$$(date +%F).db; sqlite3 /data/a.sqlite \"VACUUM INTO $$f\"; gzip $$f; find /backup -mtime +14 -delete']\n    volumes: ['d:/data', './backup:/backup']\nvolumes: {d: {}}\n", nil},
		{"a line for cron", "services:\n  app:\n    image: example/app\n    environment: {DB: /data/a.sqlite}\n    volumes: ['d:/data']\n  backup:\n    image: alpine\n    command: sh -c \"echo '0 3 * * * cp -r /data /backup/' > /etc/crontabs/root; crond -f\"\n    volumes: ['d:/data:ro', './backup:/backup']\nvolumes: {d: {}}\n", []string{"copy-of-live-file error backup"}},
		{"PostgreSQL", "services:\n  web:\n    image: grafana/grafana\n    deploy: {replicas: 3}\n    environment: {GF_DATABASE_TYPE: postgres, GF_DATABASE_HOST: db}\n    volumes: ['g:/var/lib/grafana']\nvolumes: {g: {}}\n", nil},

		{"emptyDir for each", pod("Deployment", "replicas: 2", mount, "{name: d, emptyDir: {}}"), []string{"own-file-per-replica error Deployment/app", "volatile-storage error Deployment/app:/data/app.sqlite"}},
		{"a numbered series", "services:\n  web1: &w\n    image: example/web\n    environment: {DB: /data/a.sqlite}\n    volumes: ['d1:/data']\n  web2:\n    <<: *w\n    volumes: ['d2:/data']\n  lb: {image: 'nginx:alpine'}\nvolumes: {d1: {}, d2: {}}\n", []string{"own-file-per-replica warning web1,web2"}},
		{"two of their own", "services:\n  blog: &w\n    image: example/web\n    environment: {DB: /data/a.sqlite}\n    volumes: ['d1:/data']\n  shop:\n    <<: *w\n    volumes: ['d2:/data']\nvolumes: {d1: {}, d2: {}}\n", nil},
		{"an agent on each node", pod("DaemonSet", "minReadySeconds: 0", mount, "{name: d, hostPath: {path: /var/lib/agent}}"), nil},

		{"tar of a directory", "services:\n  app:\n    image: example/app\n    environment: {DB: /data/a.sqlite}\n    volumes: ['d:/data']\n  backup:\n    image: alpine\n    command: sh -c 'while true; do tar czf /backup/$$(date +%F).tgz -C / data; sleep 86400; done'\n    volumes: ['d:/data:ro', './backup:/backup']\nvolumes: {d: {}}\n", []string{"copy-of-live-file error backup"}},
		{"rsync", "services:\n  app:\n    image: example/app\n    environment: {DB: /data/a.sqlite}\n    volumes: ['d:/data']\n  backup:\n    image: alpine\n    command: [rsync, -a, /src/, /backup/]\n    volumes: ['d:/src:ro', './backup:/backup']\nvolumes: {d: {}}\n", []string{"copy-of-live-file error backup"}},
		{"a backup program", "services:\n  app:\n    image: example/app\n    environment: {DB: /data/a.sqlite}\n    volumes: ['d:/data']\n  backup:\n    image: offen/docker-volume-backup:v2\n    volumes: ['d:/backup/app:ro', './archive:/archive']\nvolumes: {d: {}}\n", []string{"copy-of-live-file error backup"}},
		{"a backup program that stops it", "services:\n  app:\n    image: example/app\n    labels: [docker-volume-backup.stop-during-backup=true]\n    environment: {DB: /data/a.sqlite}\n    volumes: ['d:/data']\n  backup:\n    image: offen/docker-volume-backup:v2\n    volumes: ['d:/backup/app:ro', './archive:/archive']\nvolumes: {d: {}}\n", nil},
		{"SQLite's backup, then a copy", "services:\n  app:\n    image: example/app\n    environment: {DB: /data/a.sqlite}\n    volumes: ['d:/data']\n  backup:\n    image: alpine\n    command: sh -c \"sqlite3 /data/a.sqlite '.backup /tmp/a.sqlite' && gzip -c /tmp/a.sqlite > /backup/a.gz\"\n    volumes: ['d:/data', './backup:/backup']\nvolumes: {d: {}}\n", nil},
		{"a first filling", pod("Deployment", recreate, mount, claim+"]\n      initContainers: [{name: seed, image: example/app, command: [sh, -c, 'cp -n /seed/app.sqlite /data/app.sqlite'], volumeMounts: [{name: d, mountPath: /data}]}"), nil},
		{"Velero", strings.Replace(pod("StatefulSet", "replicas: 1", mount, claim), "  template:\n", "  template:\n    metadata: {annotations: {backup.velero.io/backup-volumes: d}}\n", 1), []string{"copy-of-live-file error velero/StatefulSet/app"}},

		{"tmpfs, long form", service("environment: {DB: /data/a.sqlite}\nvolumes: [{type: tmpfs, target: /data}]"), []string{"volatile-storage error app:/data/a.sqlite"}},
		{"an anonymous volume", service("environment: {DB: /data/a.sqlite}\nvolumes: [/data]"), []string{"volatile-storage warning app:/data/a.sqlite"}},
		{"in memory", service("environment: {DATABASE_URL: 'sqlite://:memory:'}\ndeploy: {replicas: 4}"), nil},
		{"in a comment", service("# DATABASE_URL: sqlite:////data/app.db\nenvironment: {DATABASE_URL: 'postgres://db/app'}"), nil},
		{"restored by Litestream", pod("Deployment", recreate, mount, "{name: d, emptyDir: {}}]\n      initContainers: [{name: l, image: 'litestream/litestream', restartPolicy: Always, volumeMounts: [{name: d, mountPath: /data}]}"), []string{"checkpointer-beside notice Deployment/app container l"}},

		{"RollingUpdate", pod("Deployment", "strategy: {type: RollingUpdate}", mount, claim), []string{"overlap-on-update warning Deployment/app (RollingUpdate)"}},
		{"no surge", pod("Deployment", "strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}", mount, claim), nil},
		{"a canary", pod("Rollout", "strategy: {canary: {}}", mount, claim), []string{"overlap-on-update warning Rollout/app (canary)"}},
		{"start-first", service("environment: {DB: /data/a.sqlite}\nvolumes: ['d:/data']\ndeploy: {replicas: 1, update_config: {order: start-first}}"), []string{"overlap-on-update warning app (start-first)"}},
		{"stop-first", service("environment: {DB: /data/a.sqlite}\nvolumes: ['d:/data']\ndeploy: {replicas: 1, update_config: {order: stop-first}}"), nil},

		{"Kata", service("runtime: kata-runtime\nenvironment: {DB: /data/a.sqlite}\nvolumes: ['d:/data']"), []string{"sandboxed-filesystem warning app (runtime kata-runtime)"}},
		{"runc", service("runtime: runc\nenvironment: {DB: /data/a.sqlite}\nvolumes: ['d:/data']"), nil},

		{"one volume at two places", "services:\n  a:\n    image: example/a\n    environment: {DB: /data/x.sqlite}\n    volumes: ['d:/data']\n  b:\n    image: example/b\n    environment: {DB: /srv/db/x.sqlite}\n    volumes: ['d:/srv/db']\nvolumes: {d: {}}\n", []string{"two-services-one-file warning a:/data/x.sqlite,b:/srv/db/x.sqlite"}},
		{"two files of one volume", "services:\n  a:\n    image: example/a\n    environment: {DB: /data/x.sqlite}\n    volumes: ['d:/data']\n  b:\n    image: example/b\n    environment: {DB: /data/y.sqlite}\n    volumes: ['d:/data']\nvolumes: {d: {}}\n", nil},
		{"by name of the engine", "services:\n  a: &a\n    image: example/a\n    environment: {DB_TYPE: sqlite3}\n    volumes: ['d:/data']\n  b:\n    <<: *a\n    command: worker\nvolumes: {d: {}}\n", []string{"two-services-one-file warning a,b:/data"}},
		{"volumes_from", "services:\n  a:\n    image: example/a\n    environment: {DB: /data/x.sqlite}\n    volumes: ['d:/data']\n  b:\n    image: example/a\n    volumes_from: [a]\nvolumes: {d: {}}\n", []string{"two-services-one-file warning a,b:/data/x.sqlite"}},
		{"an unknown program beside it", "services:\n  a:\n    image: example/a\n    environment: {DB: /data/x.sqlite}\n    volumes: ['d:/data']\n  b:\n    image: example/b\n    volumes: ['d:/data']\nvolumes: {d: {}}\n", []string{"two-services-one-file notice a,b:/data/x.sqlite"}},
		{"a web server beside it", "services:\n  a:\n    image: example/a\n    environment: {DB: /data/x.sqlite}\n    volumes: ['d:/data']\n  b:\n    image: nginx\n    volumes: ['d:/data']\nvolumes: {d: {}}\n", nil},
		{"a migration that has ended", "services:\n  migrate: &a\n    image: example/a\n    environment: {DB: /data/x.sqlite}\n    volumes: ['d:/data']\n  b:\n    <<: *a\n    depends_on: {migrate: {condition: service_completed_successfully}}\nvolumes: {d: {}}\n", nil},
		{"profiles apart", "services:\n  dev: &a\n    image: example/a\n    profiles: [dev]\n    environment: {DB: /data/x.sqlite}\n    volumes: ['d:/data']\n  prod:\n    <<: *a\n    profiles: [prod]\nvolumes: {d: {}}\n", nil},
		{"two workloads, one claim", pod("Deployment", recreate, mount, claim) + "---\n" + strings.Replace(pod("CronJob", "schedule: x", mount, claim), "  template:", "  jobTemplate:\n   spec:\n    template:\n     spec:\n      containers: [{name: job, image: example/app, env: [{name: DB, value: /data/app.sqlite}], volumeMounts: [{name: d, mountPath: /data}]}]\n      volumes: ["+claim+"]\n  template:", 1), []string{"two-services-one-file warning Deployment/app,CronJob/app:/data/app.sqlite"}},

		{"a checkpointing sidecar", "services:\n  a:\n    image: example/a\n    environment: {DB: /data/x.sqlite}\n    volumes: ['d:/data']\n  c:\n    image: example/sqlite\n    command: sh -c \"while true; do sqlite3 /data/x.sqlite 'PRAGMA wal_checkpoint(TRUNCATE)'; sleep 60; done\"\n    volumes: ['d:/data']\nvolumes: {d: {}}\n", []string{"checkpointer-beside warning c"}},
		{"Litestream, no timeout", "services:\n  a:\n    image: example/a\n    environment: {DB: /data/x.sqlite}\n    volumes: ['d:/data']\n  l:\n    image: litestream/litestream\n    volumes: ['d:/data']\nvolumes: {d: {}}\n", []string{"checkpointer-beside notice l"}},

		{"the project's directory", service("environment: {DATABASE_URL: 'sqlite:///db.sqlite3'}\nvolumes: ['${PWD}:/app']"), []string{"desktop-bind notice app:."}},
		{"a Mac's directory", service("environment: {DB: /data/x.sqlite}\nvolumes: ['/Users/me/x:/data']"), []string{"desktop-bind notice app:/Users/me/x"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := lintText(test.text)
			got := said(r)
			slices.Sort(test.want)
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q\n%s", got, test.want, test.text)
			}
			if len(r.Unread)+len(r.Strange) > 0 {
				t.Errorf("not read: %v %v\n%s", r.Unread, r.Strange, test.text)
			}
			for _, f := range r.Findings {
				caught[f.Rule] = true
			}
		})
	}
	for _, rule := range Rules {
		if !caught[rule.ID] {
			t.Errorf("no file is caught by %s", rule.ID)
		}
	}
}
