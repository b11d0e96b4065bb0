package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"example.com/contend/internal/units"
)

// twoServicesOneFile finds files that containers open which can run together.
func twoServicesOneFile(a *analysis) {
	for _, uses := range a.joint {
		var users []*use
		for _, u := range uses {
			if role := a.facts[u.c].role; role != application && role != browser {
				continue
			}
			for _, v := range uses {
				if role := a.facts[v.c].role; together(u.c, v.c) && (role == application || role == browser) {
					users = append(users, u)
					break
				}
			}
			if len(users) == maxUsers {
				break
			}
		}
		if len(users) < 2 {
			continue
		}
		slices.SortStableFunc(users, func(x, y *use) int { return int(y.sure - x.sure) })
		how := users[1].sure // a file that two share is as certain as the second
		users = slices.DeleteFunc(users, func(u *use) bool { return u.sure < how })
		slices.SortStableFunc(users, func(x, y *use) int { return byLine(x.c.Place, y.c.Place) })
		at := users[1].Place
		if users[1].mount != nil && users[1].Place == users[1].c.Place {
			at = users[1].mount.Place
		}
		names := subjects(users)
		a.find(Warning, how, at, names, fmt.Sprintf("%s open one SQLite file: set busy_timeout in each, and begin what writes with BEGIN IMMEDIATE", units.Plural(len(users), "container")))
	}
}

// maxUsers is how many containers of one file are compared.
const maxUsers = 100

func byLine(a, b Place) int {
	if n := strings.Compare(a.File, b.File); n != 0 {
		return n
	}
	return a.Line - b.Line
}

// subjects names several users of one file: web,worker:/data/db.sqlite3.
func subjects(users []*use) string {
	onePod, onePath := true, true
	for _, u := range users {
		onePod = onePod && u.c.Workload == users[0].c.Workload
		onePath = onePath && u.file == users[0].file
	}
	var names []string
	for _, u := range users {
		name := where(u.c)
		if onePod {
			name = u.c.Name
		}
		if !onePath && u.file != "" {
			name += ":" + u.file
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	all := strings.Join(names[:min(len(names), 10)], ",")
	if more := len(names) - 10; more > 0 {
		all += fmt.Sprintf(" and %d more", more)
	}
	if onePod {
		all = "containers " + all
	}
	if onePath && users[0].file != "" {
		all += ":" + users[0].file
	}
	return all
}

// replicasOneFile finds workloads of several replicas that share one file.
func replicasOneFile(a *analysis) {
	seen := map[*Workload]bool{}
	for _, u := range a.uses {
		w := u.c.Workload
		shares := u.mount.lasts()
		several := w.Replicas > 1 || w.PerHost && shares && u.mount.Volume.Kind != bind && (u.mount.Volume.Network != nil || u.mount.Volume.Many != nil)
		if !several || !shares || seen[w] || w.Batch || u.c.Init {
			continue
		}
		seen[w] = true
		severity, message := Warning, fmt.Sprintf("%s write %s: set busy_timeout, begin what writes with BEGIN IMMEDIATE, and keep them on one host", units.Plural(w.Replicas, "replica"), u.file)
		if w.Hosts || u.mount.Volume.Network != nil {
			severity = Error
			message = fmt.Sprintf("%s write %s, and may run on several hosts: run one, or use a database server", units.Plural(w.Replicas, "replica"), u.file)
		}
		if w.PerHost {
			message = fmt.Sprintf("one on each host writes %s: run one, or use a database server", u.file)
		}
		subject := w.subject()
		if w.Kind == "" {
			subject = u.subject()
		}
		a.find(severity, u.sure, w.at(), subject, message)
	}
}

// at is where the number of replicas stands.
func (w *Workload) at() Place {
	if w.ReplicasAt.Line > 0 {
		return w.ReplicasAt
	}
	return w.Place
}

// ownFilePerReplica finds replicas, and services that are replicas of each other,
// with a file each.
func ownFilePerReplica(a *analysis) {
	seen := map[*Workload]bool{}
	for _, u := range a.uses {
		w := u.c.Workload
		if u.spare || u.c.Init || w.Batch || seen[w] || a.facts[u.c].role != application {
			continue
		}
		where, _ := u.mount.volatile()
		switch {
		case u.mount != nil && u.mount.Volume.Kind == perReplica:
			where = "on a claim of its own"
		case where == "" && w.Hosts && u.mount.Volume.Network == nil && (u.mount.Volume.Kind == named || u.mount.Volume.Kind == bind):
			where = "on the disk of its host"
		}
		if where == "" || w.Replicas <= 1 && !(w.PerHost && w.Kind == "") {
			continue
		}
		seen[w] = true
		a.find(Error, u.sure, w.at(), w.subject(), fmt.Sprintf("each replica has its own %s, %s: clients see different databases; run one replica, or use a database server", nameOr(u.file, "database"), where))
	}
	a.twins()
}

func nameOr(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// twins finds services of one image that name one file and have one each: in their
// own layers; or on volumes of their own, where they are a numbered series behind a
// balancer.
func (a *analysis) twins() {
	type twin struct{ image, file, stem string }
	groups := map[twin][]*use{}
	balanced := slices.ContainsFunc(a.all, func(c *Container) bool { return balancers.MatchString(c.Image) })
	for _, u := range a.uses {
		c := u.c
		if u.spare || u.known || c.Init || c.Workload.Batch || u.file == "" || a.facts[c].role != application || c.Build+c.Image == "" || c.Workload.Replicas > 1 {
			continue
		}
		what, _ := u.mount.volatile()
		switch stem := strings.TrimRight(c.Workload.Name, "0123456789"); {
		case what != "":
			groups[twin{c.Build + " " + c.Image, u.file, ""}] = append(groups[twin{c.Build + " " + c.Image, u.file, ""}], u)
		case balanced && stem != c.Workload.Name && c.Workload.Kind == "" && u.mount.lasts():
			groups[twin{c.Build + " " + c.Image, u.file, stem}] = append(groups[twin{c.Build + " " + c.Image, u.file, stem}], u)
		}
	}
	for key, users := range groups {
		var apart []*use
		for _, u := range users {
			if slices.ContainsFunc(users, func(v *use) bool {
				return together(u.c, v.c) && (u.mount == nil || v.mount == nil || u.at != v.at) && u.c.Workload != v.c.Workload
			}) {
				apart = append(apart, u)
			}
			if len(apart) == maxUsers {
				break
			}
		}
		if len(apart) < 2 {
			continue
		}
		severity := Error
		if key.stem != "" {
			severity = Warning
		}
		how := apart[0].sure
		for _, u := range apart {
			how = min(how, u.sure)
		}
		var names []string
		for _, u := range apart {
			names = append(names, where(u.c))
		}
		a.find(severity, how, apart[1].Place, strings.Join(names, ","), fmt.Sprintf("the same program names %s in each, and each has its own: they do not see each other's rows; share a volume, or use a database server", key.file))
	}
}

// overlapOnUpdate finds workloads whose update runs old and new at once on one file.
func overlapOnUpdate(a *analysis) {
	seen := map[*Workload]bool{}
	for _, u := range a.uses {
		w := u.c.Workload
		if w.Overlap == nil || w.Replicas > 1 || w.PerHost || seen[w] || !u.mount.lasts() || u.mount.Volume.OncePod || u.c.Init {
			continue
		}
		seen[w] = true
		severity := Warning
		if v := u.mount.Volume; v.Network != nil && !v.Network.Guess || v.Many != nil {
			severity = Error
		}
		remedy := "order: stop-first"
		if w.Kind != "" {
			remedy = "strategy: {type: Recreate}"
		}
		a.find(severity, u.sure, w.Overlap.Place, fmt.Sprintf("%s (%s)", w.subject(), w.Overlap.Name),
			fmt.Sprintf("an update starts the new one while the old one has %s open: use %s", nameOr(u.file, "the database"), remedy))
	}
}

// balancers match images that share requests out.
var balancers = regexp.MustCompile(`(?i)nginx|haproxy|traefik|caddy|envoy`)
