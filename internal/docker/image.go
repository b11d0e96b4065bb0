package docker

import (
	"context"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// repository is the name of the images that Image builds; the tag says of which
// binary and for which process.
const repository = "contend-run"

// dockerfile is the last stage of deploy/Dockerfile, for a binary that is there
// already. The data directory belongs to the user, so that a new volume takes
// its owner over.
const dockerfile = `FROM scratch
COPY --chown=10001:10001 data /data
COPY contend /contend
LABEL org.opencontainers.image.title="contend" org.opencontainers.image.description="made by contend run for its nodes; may be removed"
USER 10001:10001
ENTRYPOINT ["/contend"]
CMD ["node", "--allow-remote"]
`

// Image returns the name of an image that holds the contend at path binary, and
// nothing else. It is built where this process has not built it yet; built says
// whether. The name is this process's own, so that another one that runs the
// same binary does not lose it to RemoveImage; the layers they share.
func (d *Docker) Image(ctx context.Context, binary string) (tag string, built bool, err error) {
	err = d.runsHere(binary)
	var program []byte
	if err == nil {
		program, err = os.ReadFile(binary)
	}
	if err != nil {
		return "", false, fmt.Errorf("make image: %w", err)
	}
	tag = fmt.Sprintf("%s:%.6x%s", repository, sha256.Sum256(program), suffix(os.Getpid()))
	if _, err := output(ctx, "docker", "image", "inspect", "--format", "{{.Id}}", tag); err == nil {
		return tag, false, nil
	}
	// It is built from a directory that holds nothing but what goes into it.
	dir, err := os.MkdirTemp("", "contend-image-")
	if err != nil {
		return "", false, fmt.Errorf("make image: %w", err)
	}
	err = errors.Join(
		os.Mkdir(filepath.Join(dir, "data"), 0o755),
		os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644),
		os.WriteFile(filepath.Join(dir, "contend"), program, 0o755),
	)
	if err == nil {
		err = command{args: []string{"docker", "build", "--quiet", "--tag", tag, dir}}.run(ctx)
	}
	if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
		return "", false, fmt.Errorf("make image: %w", err)
	}
	return tag, true, nil
}

// RemoveImage removes the image tag. That a container still uses it is an error.
func (d *Docker) RemoveImage(ctx context.Context, tag string) error {
	return command{args: []string{"docker", "image", "rm", tag}, patient: true}.run(ctx)
}

// suffix ends the names of the images that are the process pid's.
func suffix(pid int) string { return "-" + strconv.Itoa(pid) }

// RemoveImagesOf removes the images that Image has built for the process pid,
// which has ended.
func (d *Docker) RemoveImagesOf(ctx context.Context, pid int) error {
	text, err := output(ctx, "docker", "image", "ls", "--filter", "reference="+repository+":*"+suffix(pid), "--format", "{{.Repository}}:{{.Tag}}")
	errs := []error{err}
	for _, tag := range strings.Fields(text) {
		errs = append(errs, d.RemoveImage(ctx, tag))
	}
	return errors.Join(errs...)
}

// Ensure makes sure that an image is there, and pulls it where it is not.
func (d *Docker) Ensure(ctx context.Context, image string) error {
	if _, err := output(ctx, "docker", "image", "inspect", "--format", "{{.Id}}", image); err == nil {
		return nil
	}
	if err := (command{args: []string{"docker", "pull", "--quiet", image}}).run(ctx); err != nil {
		return fmt.Errorf("image %s is not here and cannot be had: %w", image, err)
	}
	return nil
}

// machines are the architectures that Go and Docker name alike.
var machines = map[elf.Machine]string{
	elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_ARM: "arm", elf.EM_386: "386",
	elf.EM_RISCV: "riscv64", elf.EM_S390: "s390x", elf.EM_PPC64: "ppc64le", elf.EM_LOONGARCH: "loong64",
}

// runsHere says why the program at path would not run in an image of its own on
// this engine.
func (d *Docker) runsHere(path string) error {
	f, err := elf.Open(path)
	var format *elf.FormatError
	switch {
	case errors.As(err, &format), errors.Is(err, io.EOF):
		return fmt.Errorf("%s is no Linux program: build one with GOOS=linux CGO_ENABLED=0, or name an image with --image", path)
	case err != nil:
		return err
	}
	defer f.Close()
	_, arch, _ := strings.Cut(d.platform, "/")
	if of := machines[f.Machine]; of != arch {
		return fmt.Errorf("%s is for %s, and the engine runs %s: build it with GOARCH=%s, or name an image with --image", path, f.Machine, arch, arch)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s is linked dynamically: build it with CGO_ENABLED=0, or name an image with --image", path)
		}
	}
	return nil
}
