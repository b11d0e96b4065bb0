package lint

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestInterpolate(t *testing.T) {
	vars := map[string]string{"A": "a", "EMPTY": ""}
	for in, want := range map[string]string{
		"": "", "$A/x": "a/x", "${A}": "a", "$$A": "$A", "${B}": "${B}", "$B": "$B", "${B:-d}": "d", "${EMPTY:-d}": "d", "${EMPTY-d}": "",
		"${B:-${A}/x}": "a/x", "${A:+y}": "y", "${B:+y}": "", "${B:?no}": "${B}", "${A": "${A", "5$": "5$", "${}": "${}",
	} {
		if got := interpolate(in, vars, 0); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestSources(t *testing.T) {
	for script, want := range map[string][]string{
		"cp /data/a.db /backup/":                                   {"/data/a.db"},
		"sh -c 'cd /; cp -a /data/. /backup && echo done'":         {"/data/."},
		"tar czf /b/x.tgz /data":                                   {"/data"},
		"tar -czf /b/x.tgz -C /data .":                             {"/data"},
		"tar xzf /b/x.tgz -C /data":                                nil,
		"rsync -av --delete /data/ user@host:/b":                   {"/data/"},
		"rsync -a --exclude='*.db*' /data/ /b/":                    nil,
		"gzip -c /data/a.db > /b/a.gz":                             {"/data/a.db"},
		"cat /data/a.db | gzip > /b/a.gz":                          {"/data/a.db"},
		"cat /etc/passwd":                                          nil,
		"echo '0 3 * * * cp /data/a.db /b/' | crontab - && crond":  {"/data/a.db"},
		"find /data -name '*.db' -exec cp {} /b/":                  {"/data"},
		"restic backup /data":                                      {"/data"},
		"rclone sync /data remote:b":                               {"/data"},
		"aws s3 cp /data/a.db s3://bucket/a.db":                    {"/data/a.db"},
		"docker stop app && cp /data/a.db /b/ && docker start app": nil,
		"zip -r /b/x.zip /data":                                    {"/data"},
		"server --db /data/a.db":                                   nil,
		"":                                                         nil,
	} {
		if got := sourcesOf(script); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", script, got, want)
		}
	}
}

func TestImageOf(t *testing.T) {
	for ref, want := range map[string]string{
		"louislam/uptime-kuma:1": "/app/data/kuma.db", "docker.io/louislam/uptime-kuma@sha256:00": "/app/data/kuma.db", "registry.example:5000/mirror/uptime-kuma": "/app/data/kuma.db",
		"lscr.io/linuxserver/sonarr:latest": "/config/sonarr.db", "ghcr.io/open-webui/open-webui:main": "/app/backend/data/webui.db",
	} {
		if got := imageOf(ref); got == nil || got.file != want {
			t.Errorf("%s: %v, want %s", ref, got, want)
		}
	}
	for _, ref := range []string{"", "example/app", "sqlite", ":", "@", "/"} {
		if got := imageOf(ref); got != nil {
			t.Errorf("%q: %v", ref, got)
		}
	}
}

// Which files are one project.
func TestProjects(t *testing.T) {
	base := "services:\n  app:\n    image: example/app\n    environment: {DB: /data/x.sqlite}\n    volumes: ['d:/data']\nvolumes: {d: {}}\n"
	override := "services:\n  app:\n    deploy: {replicas: 2}\n"
	other := "services:\n  app:\n    image: example/other\n    volumes: ['d:/data']\nvolumes: {d: {}}\n"
	for _, test := range []struct {
		name    string
		sources []Source
		want    string
	}{
		{"an override", []Source{{"a/compose.yaml", []byte(base)}, {"a/compose.prod.yaml", []byte(override)}}, "[a/compose.prod.yaml:3 replicas-one-file]"},
		{"by its content", []Source{{"a/base.yml", []byte(base)}, {"a/two.yml", []byte(override)}}, "[a/two.yml:3 replicas-one-file]"},
		{"another directory", []Source{{"a/compose.yaml", []byte(base)}, {"b/compose.prod.yaml", []byte(override)}}, "[]"},
		{"two projects", []Source{{"a/1.yaml", []byte(base)}, {"a/2.yaml", []byte(other)}}, "[]"},
		{"two overrides", []Source{{"compose.yaml", []byte(base)}, {"compose.dev.yaml", []byte("services:\n  app:\n    volumes: !override ['./data:/data']\n")}, {"compose.prod.yaml", []byte(override)}}, "[compose.prod.yaml:3 replicas-one-file]"},
	} {
		var got []string
		for _, f := range Files(test.sources, none).Findings {
			got = append(got, fmt.Sprintf("%s:%d %s", f.File, f.Line, f.Rule))
		}
		if fmt.Sprint(got) != test.want {
			t.Errorf("%s: %v, want %s", test.name, got, test.want)
		}
	}
}

// What a file includes is read, and what is missing is said.
func TestIncludes(t *testing.T) {
	main := `include: [sub/compose.yaml, https://example.com/x.git]
services:
  web:
    extends: {file: common.yaml, service: base}
    env_file: [web.env, {path: no.env, required: false}, missing.env]
    volumes: ["${DATA}:/data"]
`
	r := Files([]Source{{"p/compose.yaml", []byte(main)}}, files(map[string]string{
		"p/.env":             "DATA=./store # where\n",
		"p/web.env":          "export DATABASE_URL=\"sqlite:////data/app.db\"\n",
		"p/common.yaml":      "services:\n  base:\n    image: example/web\n    scale: 2\n",
		"p/sub/compose.yaml": "services:\n  job:\n    image: example/job\n    environment: {DB: /srv/app.db}\n    volumes: ['../store:/srv']\n",
	}))
	want := []string{"replicas-one-file warning web:/data/app.db", "two-services-one-file warning web:/data/app.db,job:/srv/app.db"}
	if got := said(r); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	var unread []string
	for _, u := range r.Unread {
		unread = append(unread, fmt.Sprint(u.Place, u.Why, u.Included))
	}
	want = []string{"{p/compose.yaml 1}https://example.com/x.git is not read: it is not on this machinetrue", "{p/compose.yaml 5}p/missing.env is not read: no such filetrue"}
	if !slices.Equal(unread, want) {
		t.Errorf("unread %q, want %q", unread, want)
	}
}

// A file that includes itself in many ways is read once.
func TestIncludesItself(t *testing.T) {
	text := "include: [a.yaml, b.yaml, c.yaml, x.yaml]\nservices: {s: {image: i, scale: 2, extends: {file: b.yaml, service: s}, environment: {DB: /data/x.sqlite}, volumes: ['v:/data']}}\n"
	r := Files([]Source{{"x.yaml", []byte(text)}}, func(string) ([]byte, error) { return []byte(text), nil })
	if got, want := said(r), []string{"replicas-one-file warning s:/data/x.sqlite"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Settings of a pod that stand elsewhere.
func TestConfigMaps(t *testing.T) {
	text := `apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: ConfigMap
    metadata: {name: settings}
    data: {DATABASE_URL: "sqlite:////data/app.db"}
  - apiVersion: v1
    kind: ConfigMap
    metadata: {name: scripts}
    data: {backup.sh: "set -e\ncp /data/app.db /out/\n"}
  - apiVersion: apps/v1
    kind: StatefulSet
    metadata: {name: app}
    spec:
      template:
        spec:
          containers: [{name: app, image: example/app, envFrom: [{configMapRef: {name: settings}}], volumeMounts: [{name: d, mountPath: /data}]}]
          volumes: [{name: d, persistentVolumeClaim: {claimName: c}}]
  - apiVersion: batch/v1
    kind: CronJob
    metadata: {name: backup}
    spec:
      jobTemplate:
        spec:
          template:
            spec:
              containers: [{name: b, image: alpine, command: [sh, /scripts/backup.sh], volumeMounts: [{name: d, mountPath: /data}, {name: s, mountPath: /scripts}, {name: o, mountPath: /out}]}]
              volumes: [{name: d, persistentVolumeClaim: {claimName: c}}, {name: s, configMap: {name: scripts}}, {name: o, emptyDir: {}}]
`
	r := lintText(text)
	if got, want := said(r), []string{"copy-of-live-file error CronJob/backup"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	if r.Findings[0].Line != 11 {
		t.Errorf("line %d, want that of the script", r.Findings[0].Line)
	}
}

// A patch of a kustomization does not show its volumes, so nothing is said of them.
func TestPatch(t *testing.T) {
	patch := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: any}\nspec:\n  replicas: 3\n  template:\n    spec:\n      containers: [{name: app, env: [{name: DB, value: /data/a.sqlite}], volumeMounts: [{name: d, mountPath: /data}]}]\n"
	r := Files([]Source{{"k/kustomization.yaml", []byte("resources: [x.yaml]\n")}, {"k/patch.yaml", []byte(patch)}}, none)
	if len(r.Findings) > 0 || len(r.Unread) != 1 || !strings.Contains(r.Unread[0].Why, "kubectl kustomize k") {
		t.Errorf("%v %v", said(r), r.Unread)
	}
}

// A broken document does not hide the others, and hostile ones end soon.
func TestHostile(t *testing.T) {
	good := "services:\n  app:\n    image: example/app\n    volumes: ['./a.db:/a.db']\n"
	r := lintText("a: [\n---\n# comment only\n---\n" + good)
	if len(r.Unread) != 1 || len(r.Findings) != 1 || r.Findings[0].Line != 8 {
		t.Errorf("%+v", r)
	}
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 20 {
		bomb += fmt.Sprintf("a%d: &a%d [%s*a%d]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), i)
	}
	merges := "m0: &m0 {a: b}\n"
	for i := range 40 {
		merges += fmt.Sprintf("m%d: &m%d {<<: [*m%d, *m%d]}\n", i+1, i+1, i, i)
	}
	pv := "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: v}\n---\n"
	for name, text := range map[string]string{
		"aliases":          bomb + "services: {a: {environment: *a20, volumes: *a20, command: *a20}}\n",
		"merges":           merges + "services: {a: *m40}\n",
		"itself":           "services: &s {a: &a {extends: a, <<: *a, environment: *s, volumes: [*s]}}\n",
		"deep":             strings.Repeat("[", 100_000),
		"deep maps":        strings.Repeat("{a: ", 9_000),
		"deep blocks":      strings.Repeat("- ", 9_000),
		"many services":    "services:\n" + many(1_000, "  a%d: {image: x, environment: {DB: /d/a.db}, volumes: ['d:/d']}\n"),
		"many mounts":      "services: {a: {image: x, volumes: [" + many(10_000, "'d%d:/d%d/x.db',") + "]}}",
		"many of one file": "services:\n" + many(400, "  a%d: {image: x, volumes: ['d:/d']}\n") + many(400, "  b%d: {image: y, environment: {DB: /d/a.db}, volumes: ['d:/d']}\n"),
		"many files":       "services:\n" + many(400, "  a%d: {image: x, volumes: ['d:/d']}\n") + many(400, "  b%d: {image: y, environment: {DB: /d/a%d.db}, volumes: ['d:/d']}\n"),
		"many copies":      "services:\n" + many(400, "  a%d: {image: x, command: cp /d/x.db /d/y.db, volumes: ['d:/d']}\n") + many(400, "  b%d: {image: y, environment: {DB: /d/a%d.db}, volumes: ['d:/d']}\n"),
		"many variables":   "services: {a: {image: x, environment: {" + many(2_000, "A%d: '$A%d',") + "}}}",
		"many documents":   strings.Repeat(pv, 500),
		"many includes":    "include: [" + many(5_000, "f%d.yaml,") + "]\n",
		"a long line":      "services: {a: {command: '" + strings.Repeat("cp a b;", 20_000) + "'}}",
		"zeros":            strings.Repeat("\x00", 1<<20),
		"long":             strings.Repeat("a: b\n", 2<<20),
		"template":         "services:\n  a:\n    image: {{ .Values.image }}\n    {{- if x }}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := lintText(text) // without the bounds, some of them would not end within the test's time
			for _, f := range r.Findings {
				if len(f.Message)+len(f.At) > 8<<10 {
					t.Errorf("a finding of %d bytes", len(f.Message)+len(f.At))
				}
			}
			switch name {
			case "template":
				if len(r.Unread) != 1 || !strings.Contains(r.Unread[0].Why, "helm template") {
					t.Errorf("%+v", r.Unread)
				}
			case "long", "deep", "zeros":
				if len(r.Unread) != 1 {
					t.Errorf("%d unread", len(r.Unread))
				}
			}
		})
	}
}

func many(n int, line string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(line, "%d", fmt.Sprint(i)))
	}
	return b.String()
}

func FuzzLint(f *testing.F) {
	for _, text := range caseTexts(f) {
		f.Add(text)
	}
	f.Add("a: &a [*a]\nservices: {<<: *a, x: *a}\n")
	f.Add("services:\n  a:\n    extends: {file: x.yaml, service: a}\n    env_file: .env\ninclude: [x.yaml]\n")
	f.Fuzz(func(t *testing.T, text string) {
		read := func(string) ([]byte, error) { return []byte(text), nil } // a file may include itself
		r := Files([]Source{{"x.yaml", []byte(text)}, {"compose.yaml", []byte(text)}}, read)
		for _, f := range r.Findings {
			if f.Line < 1 {
				t.Errorf("no place: %s", f.String())
			}
		}
		if r.Answer() == "" {
			t.Error("no answer")
		}
	})
}
