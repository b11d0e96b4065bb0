package compose

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"example.com/contend/deploy"
	"example.com/contend/internal/cluster"
	"example.com/contend/internal/docker"
	"example.com/contend/internal/owner"
	"example.com/contend/internal/run"
)

// Names within [cluster.Spec].Dir of what a compose project is made of: whoever wants
// to look at a recording's nodes again can bring them up by hand.
const (
	composeFile = "compose.yaml"
	nginxFile   = "nginx.conf"
	boundDir    = "data" // holds what is bound into containers: the directory sharedDir, or the database file alone
	sharedDir   = "shared"
)

const (
	dataDir   = "/data" // of a container: its directory with the database
	nginxPort = 8080    // that nginx listens on in its container
	anyHost   = "0.0.0.0"
)

// newStack returns the stack that spec asks for; its subnet is still open.
func newStack(spec cluster.Spec, on Containers) (deploy.Stack, error) {
	image := on.Images[spec.Build]
	if image == "" {
		return deploy.Stack{}, fmt.Errorf("there is no image of the build %q", spec.Build)
	}
	stack := deploy.Stack{
		Image: image, Nginx: on.Nginx, Listen: cmp.Or(spec.Listen, cluster.AnyPort), Nodes: deploy.Nodes(spec.Nodes),
		Labels: map[string]string{docker.OwnerLabel: owner.Self().String()},
	}
	for i := range stack.Nodes {
		n := &stack.Nodes[i]
		volumes, writable, err := volumes(spec.Mount, i)
		if err != nil {
			return deploy.Stack{}, err
		}
		n.Volumes, n.Writable = volumes, writable
		n.Args = append([]string{"--listen", fmt.Sprintf("%s:%d", anyHost, n.Port)}, spec.Flags(i)...)
		if spec.Trace {
			n.Args = append(n.Args, "--trace", dataDir+"/"+cluster.TraceFile(n.Name))
		}
	}
	return stack, nil
}

// volumes are what node i, from 0, has mounted under m, and whether it has to
// write to its own layer besides.
func volumes(m run.Mount, i int) (volumes []string, writable bool, err error) {
	switch m {
	case run.MountShared, run.MountVolume:
		return []string{"shared:" + dataDir}, false, nil
	case run.MountDirectory:
		return []string{"./" + boundDir + "/" + sharedDir + ":" + dataDir}, false, nil
	case run.MountSingleFile:
		return []string{"./" + boundDir + "/" + cluster.Database + ":" + dataDir + "/" + cluster.Database}, true, nil
	case run.MountTwoVolumes:
		return []string{[]string{"odd", "even"}[i%2] + ":" + dataDir}, false, nil
	case run.MountNone:
		return nil, true, nil
	}
	return nil, false, fmt.Errorf("mount %q is not known", m)
}

// one reports whether all nodes have the same directory, so that one of them
// can speak for all.
func one(m run.Mount) bool {
	return m == run.MountShared || m == run.MountVolume || m == run.MountDirectory
}

// prepare makes what containers are to find on the host.
//
// Who a node is on the host hangs on the engine (rootless, or with user
// namespaces), so everyone may write there, and what keeps others out is the
// directory around it. That one is ours, and so is what is in it: we can remove
// whatever a node has made.
func prepare(spec cluster.Spec) error {
	if spec.Mount != run.MountDirectory && spec.Mount != run.MountSingleFile {
		return nil
	}
	around := filepath.Join(spec.Dir, boundDir)
	if err := os.Mkdir(around, 0o700); err != nil {
		return err
	}
	// The mode is set apart from the making, which would take the umask off it.
	if spec.Mount == run.MountDirectory {
		dir := filepath.Join(around, sharedDir)
		return cmp.Or(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777))
	}
	file := filepath.Join(around, cluster.Database)
	return cmp.Or(os.WriteFile(file, nil, 0o600), os.Chmod(file, 0o666))
}

// writeStack writes the compose file and the nginx configuration into dir.
func writeStack(stack deploy.Stack, dir string) error {
	project, err := stack.ComposeFile()
	if err != nil {
		return err
	}
	nginx, err := stack.NginxFile()
	if err != nil {
		return err
	}
	conf := filepath.Join(dir, nginxFile)
	return errors.Join(
		os.WriteFile(filepath.Join(dir, composeFile), project, 0o600),
		os.WriteFile(conf, nginx, 0o644),
		os.Chmod(conf, 0o644), // nginx reads it as another user, whatever our umask is
	)
}
