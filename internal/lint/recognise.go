package lint

import (
	"path"
	"regexp"
	"strings"
)

// A role is what a container does with a database.
type role int

const (
	application  role = iota // reads and writes it
	browser                  // shows it to people, and may write
	checkpointer             // moves its WAL: Litestream
	copier                   // copies its files
	backup                   // copies it as SQLite does: .backup, VACUUM INTO
	stranger                 // a program that opens no SQLite file
)

// An image is what is known of a program by the name of its image.
type image struct {
	names string // whole paths, or last parts of one
	file  string // its database, unless settings name another
	wal   bool   // it switches WAL on
	role  role
}

// images are programs that keep their data in SQLite unless they are told
// otherwise, and programs that work on the SQLite files of others or on none.
// What stands here follows from their documentation.
var images = []image{
	{names: "louislam/uptime-kuma uptime-kuma", file: "/app/data/kuma.db", wal: true},
	{names: "vaultwarden/server bitwardenrs/server dani-garcia/vaultwarden vaultwarden", file: "/data/db.sqlite3", wal: true},
	{names: "grafana/grafana grafana/grafana-oss grafana/grafana-enterprise", file: "/var/lib/grafana/grafana.db"},
	{names: "gitea/gitea forgejo", file: "/data/gitea/gitea.db"},
	{names: "n8nio/n8n n8n", file: "/home/node/.n8n/database.sqlite"},
	{names: "home-assistant homeassistant", file: "/config/home-assistant_v2.db", wal: true},
	{names: "sonarr", file: "/config/sonarr.db", wal: true},
	{names: "radarr", file: "/config/radarr.db", wal: true},
	{names: "lidarr", file: "/config/lidarr.db", wal: true},
	{names: "readarr", file: "/config/readarr.db", wal: true},
	{names: "prowlarr", file: "/config/prowlarr.db", wal: true},
	{names: "bazarr", file: "/config/db/bazarr.db", wal: true},
	{names: "jellyfin/jellyfin linuxserver/jellyfin", file: "/config/data/jellyfin.db", wal: true},
	{names: "emby/embyserver linuxserver/emby", file: "/config/data/library.db", wal: true},
	{names: "plexinc/pms-docker linuxserver/plex", file: "/config/Library/Application Support/Plex Media Server/Plug-in Support/Databases/com.plexapp.plugins.library.db", wal: true},
	{names: "jellyseerr overseerr", file: "/app/config/db/db.sqlite3", wal: true},
	{names: "tautulli", file: "/config/tautulli.db"},
	{names: "pihole/pihole", file: "/etc/pihole/pihole-FTL.db", wal: true},
	{names: "pocketbase", file: "/pb_data/data.db", wal: true},
	{names: "sissbruecker/linkding linkding", file: "/etc/linkding/data/db.sqlite3", wal: true},
	{names: "neosmemo/memos", file: "/var/opt/memos/memos_prod.db", wal: true},
	{names: "actualbudget/actual-server", file: "/data/server-files/account.sqlite"},
	{names: "mealie", file: "/app/data/mealie.db"},
	{names: "paperless-ngx paperlessngx", file: "/usr/src/paperless/data/db.sqlite3"},
	{names: "advplyr/audiobookshelf", file: "/config/absdatabase.sqlite"},
	{names: "deluan/navidrome navidrome/navidrome", file: "/data/navidrome.db", wal: true},
	{names: "gotify/server", file: "/app/data/gotify.db"},
	{names: "calibre-web", file: "/config/app.db"},
	{names: "headscale/headscale", file: "/var/lib/headscale/db.sqlite", wal: true},
	{names: "vikunja/vikunja", file: "/db/vikunja.db"},
	{names: "jc21/nginx-proxy-manager", file: "/data/database.sqlite"},
	{names: "woodpecker-server", file: "/var/lib/woodpecker/woodpecker.sqlite"},
	{names: "drone/drone", file: "/data/database.sqlite"},
	{names: "crowdsecurity/crowdsec", file: "/var/lib/crowdsec/data/crowdsec.db"},
	{names: "open-webui/open-webui", file: "/app/backend/data/webui.db"},
	{names: "flowiseai/flowise", file: "/root/.flowise/database.sqlite"},
	{names: "louislam/dockge", file: "/app/data/dockge.db"},
	{names: "frigate", file: "/config/frigate.db"},
	{names: "stashapp/stash", file: "/root/.stash/stash-go.sqlite", wal: true},
	{names: "kavita", file: "/kavita/config/kavita.db"},
	{names: "gotson/komga", file: "/config/database.sqlite", wal: true},
	{names: "healthchecks/healthchecks", file: "/data/hc.sqlite"},
	{names: "zadam/trilium triliumnext/notes triliumnext/trilium", file: "/home/node/trilium-data/document.db", wal: true},
	{names: "jupyterhub/jupyterhub", file: "/srv/jupyterhub/jupyterhub.sqlite"},
	{names: "matrixdotorg/synapse element-hq/synapse", file: "/data/homeserver.db"},

	{names: "litestream/litestream litestream", role: checkpointer},
	{names: "coleifer/sqlite-web sqlite-web sqlitebrowser datasette dbgate sqlitestudio sqliteviz sqlpad cloudbeaver", role: browser},
	{names: "offen/docker-volume-backup jareware/docker-volume-backup futurice/docker-volume-backup loomchild/volume-backup blacklabelops/volumerize lobaro/restic-backup-docker mazzolino/restic restic/restic creativeprojects/resticprofile " +
		"duplicati/duplicati linuxserver/duplicati kopia/kopia instrumentisto/rsync-ssh linuxserver/rsnapshot eeacms/rsync rclone/rclone pfidr/rclone adrienpoupa/rclone-backup borgmatic-collective/borgmatic velero/velero", role: copier},
	{names: "vaultwarden-backup bruceforce/vaultwarden-backup ttionya/vaultwarden-backup", role: backup},

	{names: "nginx nginx-unprivileged caddy traefik haproxy envoy httpd openresty swag redis valkey keydb dragonfly memcached postgres postgresql timescaledb pgvector postgis pgbouncer mysql mariadb percona mongo mongodb " +
		"rabbitmq kafka zookeeper nats mosquitto eclipse-mosquitto elasticsearch opensearch kibana meilisearch typesense qdrant prometheus alertmanager node-exporter cadvisor loki promtail tempo alloy otel opentelemetry-collector jaeger " +
		"influxdb telegraf clickhouse clickhouse-server cassandra neo4j etcd consul vault minio watchtower cloudflared certbot mailhog mailpit adminer pgadmin4 phpmyadmin redis-commander portainer portainer-ce filebrowser diun " +
		"rqlite dqlite cockroach tailscale vsftpd sftp chromium browserless selenium ollama fluent-bit fluentd vector busybox-httpd", role: stranger},
}

// imageNames finds an image by its whole path or by the last part of it.
var imageNames = func() map[string]*image {
	all := map[string]*image{}
	for i := range images {
		for _, name := range strings.Fields(images[i].names) {
			all[name] = &images[i]
		}
	}
	return all
}()

// imageOf returns what is known of an image; nil if nothing.
func imageOf(ref string) *image {
	ref, _, _ = strings.Cut(ref, "@")
	if colon := strings.LastIndexByte(ref, ':'); colon > strings.LastIndexByte(ref, '/') {
		ref = ref[:colon]
	}
	parts := strings.Split(strings.ToLower(ref), "/")
	if len(parts) > 1 && (strings.ContainsAny(parts[0], ".:") || parts[0] == "localhost") {
		parts = parts[1:]
	}
	if found := imageNames[strings.Join(parts[max(0, len(parts)-2):], "/")]; found != nil {
		return found
	}
	return imageNames[parts[len(parts)-1]]
}

// extensions of SQLite files. Whether .db is SQLite is likely, the others are certain.
var extensions = map[string]sureness{
	".sqlite": sure, ".sqlite3": sure, ".sqlitedb": sure, ".db3": sure, ".s3db": sure, ".sl3": sure, ".db": likely,
}

// targets are directories in which frameworks keep SQLite files: Rails 8, PocketBase.
var targets = map[string]sureness{"/rails/storage": likely, "/pb_data": sure, "/pb/pb_data": sure, "/app/pb_data": sure}

// companions are files that SQLite makes beside a database (https://sqlite.org/tempfiles.html).
var companions = []string{"-wal", "-shm", "-journal"}

// otherFormats are parts of names of files and settings that end in .db, or speak
// of a database, and are no SQLite: Berkeley DB's, BoltDB's, H2's and others.
var otherFormats = regexp.MustCompile(`(?i)bolt|bbolt|badger|level|rocks|lmdb|duck|\.mv\.db|\.h2\.|geoip|geolite|mmdb|aliases\.db|cert[89]?\.db|key[34]\.db|locate\.db|whatis|thumbs\.db|portainer\.db|filebrowser\.db|tsdb|influx|berkeley|gdbm|trustdb`)

// fileKind says how sure it is that a path names a SQLite file; 0 if it does not.
func fileKind(p string) sureness {
	if strings.ContainsAny(p, "*?[\x00\n") || otherFormats.MatchString(path.Base(p)) {
		return 0
	}
	for _, tail := range companions {
		p = strings.TrimSuffix(p, tail)
	}
	base := path.Base(p)
	if strings.HasPrefix(base, ".") && strings.Count(base, ".") == 1 {
		return 0 // only an extension
	}
	return extensions[strings.ToLower(path.Ext(base))]
}

// dsn matches a database URL of SQLite: SQLAlchemy's, Prisma's, JDBC's, Go's, Rails', Rust's.
// Its groups: scheme, slashes, path, query.
var dsn = regexp.MustCompile(`(?i)(?:^|[\s"'=(,])((?:jdbc:|db\+|django-)?(?:sqlite3?|sqlcipher|spatialite|better-sqlite3|libsql|file)(?:\+\w+)?):(/*)([^\s"'?;&|)]*)(\?[^\s"')]*)?`)

// keyword matches a connection string of ADO.NET (https://learn.microsoft.com/dotnet/standard/data/sqlite/connection-strings).
var keyword = regexp.MustCompile(`(?i)(?:data ?source|filename)\s*=\s*([^;"']+)`)

var (
	walWord     = regexp.MustCompile(`(?i)journal(?:_?mode)?\W{0,3}wal\b|\bwal_mode\b`)
	noLockWord  = regexp.MustCompile(`(?i)\b(nolock=1|nolock=true|vfs=unix-none|vfs=win32-none|immutable=1)\b`)
	timeoutWord = regexp.MustCompile(`(?i)busy_?timeout`)
	memoryWord  = regexp.MustCompile(`(?i):memory:|mode=memory`)
)

// databaseNames are parts of the names of settings that speak of a database, and
// typeValues their values that mean SQLite or another engine.
var (
	databaseName = regexp.MustCompile(`(?i)db|database|sqlite|storage|store|backend|driver|dialect|engine|orm|sql|persistence`)
	pathName     = regexp.MustCompile(`(?i)db|database|sqlite|store|storage|data|file|path|url|dsn|uri|conn`)
	hostName     = regexp.MustCompile(`(?i)host|addr|server|domain|endpoint`)
	typeSQLite   = regexp.MustCompile(`(?i)^(?:sqlite3?|better-sqlite3|aiosqlite|pysqlite|sqlcipher|libsql|django\.db\.backends\.sqlite3|microsoft\.data\.sqlite|org\.sqlite\.jdbc|gorm-sqlite|sqlitedb)$`)
	typeOther    = regexp.MustCompile(`(?i)^(?:postgres\w*|pgsql|pg|psql|mysql2?|mysqli|mariadb|mssql|sqlserver|oracle|mongodb?|cockroach\w*|django\.db\.backends\.(?:postgresql\w*|mysql))$`)
	urlOther     = regexp.MustCompile(`(?i)^(?:jdbc:)?(?:postgres\w*|pgsql|mysql2?|mariadb|mssql|sqlserver|mongodb|cockroach\w*)(?:\+\w+)?:`)
	nameOther    = regexp.MustCompile(`(?i)postgres|mysql|mariadb|pgsql|pghost|_pg_|dbhost|db_host|database_host`)
)

// throwawayWords are parts of names of files and settings whose loss is no harm.
var throwawayWords = map[string]bool{"cache": true, "tmp": true, "temp": true, "test": true, "tests": true, "testing": true, "scratch": true}

// throwaway reports whether a word of a name says that its loss is no harm.
func throwaway(name string) bool {
	for _, word := range strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !(r >= 'a' && r <= 'z') }) {
		if throwawayWords[word] {
			return true
		}
	}
	return false
}
