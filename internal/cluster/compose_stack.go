package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"example.com/contend/deploy"
)

// Names within [Spec].Dir of what a compose project is made of: whoever wants
// to look at a recording's nodes again can bring them up by hand.
const (
	composeFile = "compose.yaml"
	nginxFile   = "nginx.conf"
	boundDir    = "data" // holds what is bound into containers: the directory sharedDir, or the file Database alone
	sharedDir   = "shared"
)

const (
	dataDir   = "/data" // of a container: its directory with the database
	nginxPort = 8080    // that nginx listens on in its container
	anyHost   = "0.0.0.0"
)

// traceFile is the name of a node's trace.
func traceFile(node string) string { return node + ".trace.jsonl" }

// newStack returns the stack that spec asks for; its subnet is still open.
func newStack(spec Spec, on Containers) (deploy.Stack, error) {
	if spec.Nodes < 1 {
		return deploy.Stack{}, fmt.Errorf("want at least 1 node, have %d", spec.Nodes)
	}
	image := on.Image
	if spec.Build != "" {
		image = on.Images[spec.Build]
	}
	if image == "" {
		return deploy.Stack{}, fmt.Errorf("there is no image of the build %q", spec.Build)
	}
	stack := deploy.Stack{
		Image:     image,
		Nginx:     on.Nginx,
		NginxConf: "./" + nginxFile,
		Listen:    cmp.Or(spec.Listen, anyPort),
	}.WithNodes(spec.Nodes)
	for i := range stack.Nodes {
		n := &stack.Nodes[i]
		volumes, writable, err := spec.Mount.volumes(i)
		if err != nil {
			return deploy.Stack{}, err
		}
		n.DBPath, n.Volumes, n.Writable = dataDir+"/"+Database, volumes, writable
		n.Args = append([]string{"--listen", fmt.Sprintf("%s:%d", anyHost, n.Port)}, spec.flags(i)...)
		if spec.Trace {
			n.Args = append(n.Args, "--trace", dataDir+"/"+traceFile(n.Name))
		}
	}
	return stack, nil
}

// volumes are what node i, from 0, has mounted under m, and whether it has to
// write to its own layer besides.
func (m Mount) volumes(i int) (volumes []string, writable bool, err error) {
	switch m {
	case MountShared, MountVolume:
		return []string{"shared:" + dataDir}, false, nil
	case MountDirectory:
		return []string{"./" + boundDir + "/" + sharedDir + ":" + dataDir}, false, nil
	case MountSingleFile:
		return []string{"./" + boundDir + "/" + Database + ":" + dataDir + "/" + Database}, true, nil
	case MountTwoVolumes:
		return []string{[]string{"odd", "even"}[i%2] + ":" + dataDir}, false, nil
	case MountNone:
		return nil, true, nil
	}
	return nil, false, fmt.Errorf("mount %q is not known", m)
}

// one reports whether all nodes have the same directory, so that one of them
// can speak for all.
func (m Mount) one() bool { return m == MountShared || m == MountVolume || m == MountDirectory }

// prepare makes what containers are to find on the host.
//
// Who a node is on the host hangs on the engine (rootless, or with user
// namespaces), so everyone may write there, and what keeps others out is the
// directory around it. That one is ours, and so is what is in it: we can remove
// whatever a node has made.
func prepare(spec Spec) error {
	if err := spec.fresh(); err != nil {
		return err
	}
	if spec.Mount != MountDirectory && spec.Mount != MountSingleFile {
		return nil
	}
	around := filepath.Join(spec.Dir, boundDir)
	if err := os.Mkdir(around, 0o700); err != nil {
		return err
	}
	// The mode is set apart from the making, which would take the umask off it.
	if spec.Mount == MountDirectory {
		dir := filepath.Join(around, sharedDir)
		return cmp.Or(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777))
	}
	file := filepath.Join(around, Database)
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
		os.WriteFile(filepath.Join(dir, composeFile), project, 0o644),
		os.WriteFile(conf, nginx, 0o644),
		os.Chmod(conf, 0o644), // nginx reads it as another user, whatever our umask is
	)
}
