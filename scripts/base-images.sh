#!/bin/sh
# base-images.sh: make sure that the images which deploy/ builds on are there.
# One that is missing is pulled. Where no registry is reached, a stand-in of the
# same name is made from this machine: golang:1.26 from its Go toolchain,
# nginx:alpine from Debian's nginx, with busybox in both. So Dockerfile and
# compose file are tested as they are, though not with the images' own files.
set -eu

golang=golang:1.26
nginx=nginx:alpine

# A machine without Docker has no images to look for; only in CI nothing may be skipped.
if ! docker version >/dev/null 2>&1; then
	echo "base-images: not looked for, because there is no Docker daemon that answers" >&2
	[ "${CI:-}" != true ]
	exit
fi

die() {
	echo "base-images: $1" >&2
	echo "hint: $2" >&2
	exit 1
}

# pulled IMAGE: fetch it, where a registry answers at all: a pull without a
# network hangs for as long as it is let.
pulled() {
	timeout 15 docker manifest inspect "$1" >/dev/null 2>&1 || return 1
	timeout 600 docker pull -q "$1" >/dev/null
}

# unpack ROOT PACKAGE…: the packages' files into ROOT, nothing installed.
unpack() {
	to=$1
	shift
	mkdir -p "$work/deb"
	for package; do
		# The directory is ours alone, which the user that apt would download as cannot enter.
		(cd "$work/deb" && apt-get -o APT::Sandbox::User=root download -qq "$package" >/dev/null 2>&1) || updated "$package" ||
			die "Debian's package $package cannot be had" "docker load the image instead, saved where it can be pulled"
		# Through tar, so that a package of the time before /usr was merged goes through the links.
		dpkg-deb --fsys-tarfile "$work/deb/$package"_*.deb | tar -x --keep-directory-symlink -C "$to"
	done
}

# updated PACKAGE: once more, with fresh lists.
updated() {
	apt-get update -qq >/dev/null 2>&1
	(cd "$work/deb" && apt-get -o APT::Sandbox::User=root download -qq "$1" >/dev/null)
}

# system ROOT: the least that an image has, with busybox's programs.
system() {
	mkdir -p "$1/usr/bin" "$1/usr/sbin" "$1/usr/lib" "$1/usr/lib64" "$1/etc" "$1/root" "$1/tmp" "$1/run" "$1/var"
	for dir in bin sbin lib lib64; do ln -s "usr/$dir" "$1/$dir"; done
	ln -s /run "$1/var/run"
	chmod 1777 "$1/tmp"
	unpack "$1" busybox-static
	for applet in $("$1/bin/busybox" --list); do
		[ -e "$1/bin/$applet" ] || ln -s busybox "$1/bin/$applet"
	done
	echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
	echo 'root:x:0:' >"$1/etc/group"
}

# import ROOT IMAGE CHANGE…: ROOT as an image.
import() {
	from=$1 image=$2
	shift 2
	rm -rf "$from/usr/share/doc" "$from/usr/share/man" "$from/usr/lib"/*/gconv
	tar -C "$from" --owner=0 --group=0 -c . | docker import -m "a stand-in made from another machine's files" "$@" - "$image" >/dev/null
}

make_golang() {
	case $(go env GOVERSION 2>/dev/null) in
	go1.26*) ;;
	*) die "there is no Go 1.26 on this machine to make $golang of" "install it, or docker load the image" ;;
	esac
	[ -r /etc/ssl/certs/ca-certificates.crt ] || die "there are no certificates to download modules with" "install ca-certificates"
	root=$work/golang
	system "$root"
	mkdir -p "$root/go" "$root/usr/local" "$root/etc/ssl/certs"
	chmod 1777 "$root/go"
	cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
	cp -a "$(go env GOROOT)" "$root/usr/local/go"
	# Without its own tests, half of its files: the older builder reads all files of an image for every step.
	rm -rf "$root/usr/local/go/test" "$root/usr/local/go/api"
	find "$root/usr/local/go/src" \( -name testdata -o -name '*_test.go' \) -prune -exec rm -rf {} +
	import "$root" "$golang" -c 'ENV PATH=/go/bin:/usr/local/go/bin:/usr/bin GOPATH=/go GOTOOLCHAIN=local' -c 'WORKDIR /go'
}

make_nginx() {
	root=$work/nginx
	system "$root"
	unpack "$root" nginx-common nginx
	# The libraries that nginx names itself. None of them needs more than the C library.
	# shellcheck disable=SC2046
	unpack "$root" $(apt-cache depends nginx | sed -n 's/^ *Depends: \(lib[^ ]*\|zlib[^ ]*\)$/\1/p')
	mkdir -p "$root/var/cache/nginx" "$root/var/log/nginx"
	rm -rf "$root/etc/nginx/sites-enabled" "$root/etc/nginx/modules-enabled"
	echo 'nginx:x:101:101:nginx:/nonexistent:/bin/false' >>"$root/etc/passwd"
	echo 'nginx:x:101:' >>"$root/etc/group"
	import "$root" "$nginx" -c 'ENV PATH=/usr/sbin:/usr/bin' -c 'EXPOSE 80' -c 'CMD ["nginx","-g","daemon off;"]'
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for image in "$golang" "$nginx"; do
	if docker image inspect "$image" >/dev/null 2>&1; then
		echo "base-images: $image is there"
	elif pulled "$image"; then
		echo "base-images: $image was pulled"
	else
		command -v apt-get >/dev/null || die "$image is not there and cannot be pulled" "docker load it, or make a registry reachable"
		case $image in
		"$golang") make_golang ;;
		"$nginx") make_nginx ;;
		esac
		echo "base-images: no registry is reached: a stand-in for $image was made from this machine's files"
	fi
done
