package docker

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"example.com/contend/internal/owner"
)

// repository is the name of the images that Image makes; the tag says of which
// binary and by which process.
const repository = "contend-run"

// uid is the user and group that a node runs as. The data directory belongs to it, so
// that a new volume takes its owner over.
const uid = 10001

// configuration is that of the last stage of deploy/Dockerfile, a change each.
func configuration(by owner.Mark) (changes []string) {
	for _, line := range []string{
		fmt.Sprintf("USER %d:%[1]d", uid),
		`ENTRYPOINT ["/contend"]`,
		`CMD ["node", "--allow-remote"]`,
		`LABEL org.opencontainers.image.title="contend"`,
		`LABEL org.opencontainers.image.description="made by contend run for its nodes; may be removed"`,
		fmt.Sprintf("LABEL %s=%q", OwnerLabel, by),
	} {
		changes = append(changes, "--change", line)
	}
	return changes
}

// Image makes an image that holds the contend at path binary, and nothing else, with the mark by in
// its label [OwnerLabel], and returns its name, which no other image has. Images of one binary
// share its layer.
//
// It is imported and not built: a build that is cut short leaves an image without a name.
func (d *Docker) Image(ctx context.Context, binary string, by owner.Mark) (tag string, err error) {
	err = d.runsHere(binary)
	var program []byte
	if err == nil {
		program, err = os.ReadFile(binary)
	}
	if err != nil {
		return "", fmt.Errorf("make image: %w", err)
	}
	tag = fmt.Sprintf("%s:%.6x-%s", repository, sha256.Sum256(program), unique())
	files, writer := io.Pipe()
	var writing sync.WaitGroup
	writing.Go(func() { writer.CloseWithError(pack(writer, program)) })
	args := append(append([]string{"docker", "import"}, configuration(by)...), "-", tag)
	err = command{args: args, in: files}.run(ctx)
	_ = files.Close() // the writer, too, where nobody reads on
	writing.Wait()
	if err != nil {
		return "", fmt.Errorf("make image: %w", err)
	}
	return tag, nil
}

// pack writes the image's files as a tar archive: the same bytes each time.
func pack(w io.Writer, program []byte) error {
	t := tar.NewWriter(w)
	err := errors.Join(
		t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "data/", Mode: 0o755, Uid: uid, Gid: uid}),
		t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "contend", Mode: 0o755, Size: int64(len(program))}),
	)
	_, errWrite := t.Write(program)
	return errors.Join(err, errWrite, t.Close())
}

// RemoveImage removes the image tag. That a container still uses it is an error.
func (d *Docker) RemoveImage(ctx context.Context, tag string) error {
	return command{args: []string{"docker", "image", "rm", tag}, patient: true}.run(ctx)
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
