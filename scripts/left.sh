#!/bin/sh
# left.sh [DIR…]: list what contend has made and what is still there, a line each: processes,
# directories in the temporary directory and of servers in each DIR of runs (default: runs), System V
# shared memory that no process uses, and Docker's containers, volumes, networks and images. Nothing is
# printed where nothing is left. It does not ask contend, so that it can be compared with `contend clean`:
#
#	sh scripts/left.sh >before; …; sh scripts/left.sh | diff before -
set -eu
[ $# -gt 0 ] || set -- runs
{
	for process in /proc/[0-9]*; do
		words=$({ tr '\0' ' ' <"$process/cmdline"; } 2>/dev/null || true)
		case $words in
		*contend" node "* | *contend" balance "* | *contend" guard "* | *contend-postgres-*/server/data* | *rqlited*servers/rqlite*)
			echo "process ${process#/proc/} $words" ;;
		esac
	done
	for dir in "${TMPDIR:-/tmp}"/contend-postgres-* "${TMPDIR:-/tmp}"/contend-image-*; do
		[ ! -e "$dir" ] || echo "directory $dir"
	done
	for runs; do
		for dir in "$runs"/*/servers; do
			[ ! -e "$dir" ] || echo "directory $dir"
		done
	done
	# key shmid perms size cpid lpid nattch uid …: PostgreSQL's is of 56 bytes
	[ ! -r /proc/sysvipc/shm ] || awk 'NR > 1 && $4 == 56 && $7 == 0 { print "segment", $2, "of user", $8 }' /proc/sysvipc/shm
	if docker version >/dev/null 2>&1; then
		docker ps -a --format '{{.Label "com.docker.compose.project"}} container {{.Names}}'
		docker volume ls --format '{{.Label "com.docker.compose.project"}} volume {{.Name}}'
		docker network ls --format '{{.Label "com.docker.compose.project"}} network {{.Name}}'
		docker images --format 'contend-1-000000 image {{.Repository}}:{{.Tag}}' contend-run
	fi | sed -nE 's/^contend-[0-9]+-[0-9a-f]{6} //p'
} | sort
