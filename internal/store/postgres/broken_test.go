package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/contend/internal/app"
	"example.com/contend/internal/cluster/server"
	"example.com/contend/internal/store"
	"example.com/contend/internal/store/postgres"
)

// A cutter passes bytes on between nodes and the server, until it sees the word
// that it waits for. That it passes on or not, as asked, and then cuts every
// connection, so that the answer is lost.
type cutter struct {
	ln      net.Listener
	server  string
	mu      sync.Mutex
	word    []byte // nil: none
	deliver bool
	conns   map[net.Conn]bool
	wg      sync.WaitGroup
}

// cut returns a URL that leads to target's server through a new cutter.
func cut(t *testing.T, target string) (string, *cutter) {
	t.Helper()
	u, err := url.Parse(target)
	must(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	c := &cutter{ln: ln, server: u.Host, conns: map[net.Conn]bool{}}
	c.wg.Go(c.accept)
	t.Cleanup(func() {
		_ = ln.Close()
		c.hangUp()
		c.wg.Wait()
	})
	u.Host = ln.Addr().String()
	return u.String(), c
}

func (c *cutter) accept() {
	for {
		client, err := c.ln.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", c.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		c.mu.Lock()
		c.conns[client], c.conns[server] = true, true
		c.mu.Unlock()
		c.wg.Go(func() { c.forward(client, server) })
		c.wg.Go(func() { _, _ = io.Copy(client, server); _ = client.Close() })
	}
}

func (c *cutter) forward(client, server net.Conn) {
	defer server.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		seen, deliver := c.sees(buffer[:n])
		if seen && deliver {
			c.stopAnswers(client)
		}
		if !seen || deliver {
			_, _ = server.Write(buffer[:n])
		}
		if seen {
			c.hangUp()
			return
		}
	}
}

// stopAnswers cuts the client off before the server can answer.
func (c *cutter) stopAnswers(client net.Conn) { _ = client.Close() }

func (c *cutter) sees(data []byte) (seen, deliver bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.word == nil || !bytes.Contains(data, c.word) {
		return false, false
	}
	c.word = nil
	return true, c.deliver
}

func (c *cutter) arm(word string, deliver bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.word, c.deliver = []byte(word), deliver
}

func (c *cutter) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		_ = conn.(*net.TCPConn).CloseWrite()
		for !toldOfEnd(conn.(*net.TCPConn)) {
			time.Sleep(time.Millisecond)
		}
		_ = conn.Close()
	}
	clear(c.conns)
}

// What a broken connection leaves certain hangs on what was on its way.
func TestConnectionBreaks(t *testing.T) {
	for name, c := range map[string]struct {
		style   store.Transaction
		word    string
		deliver bool // the server gets it, and only its answer is lost
		unsure  bool
	}{
		"at BEGIN":                      {store.ForUpdate, "BEGIN", true, false},
		"at the write in a transaction": {store.Serializable, "contend_2", true, false},
		"at a COMMIT that arrives":      {store.ReadCommitted, "COMMIT\x00", true, true},
		"at a COMMIT that does not":     {store.ReadCommitted, "COMMIT\x00", false, true},
		"at a lone read":                {store.Separate, "contend_0", true, false},
		"at a lone write":               {store.Separate, "contend_2", true, true},
		"at a lone statement":           {store.Atomic, "contend_3", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			target := fresh(t)
			through, cutter := cut(t, target)
			direct := open(t, target, discipline(c.style), app.Options{})
			d := discipline(c.style)
			d.Pool = 1
			db := open(t, through, d, app.Options{})
			must(t, increment(db, c.style))
			cutter.arm(c.word, c.deliver)
			e := storeError(t, increment(db, c.style))
			if e.Unsure != c.unsure || e.Refused == c.unsure || e.Extended != "08006" {
				t.Errorf("got %+v, want unsure %t", e, c.unsure)
			}
			if n := counter(t, direct); !c.unsure && n != 1 {
				t.Errorf("counter is %d after a certain refusal, want 1", n)
			}
			eventually(t, "another attempt", func() bool { return increment(db, c.style) == nil })
			eventually(t, "another check", func() bool { return db.Check(t.Context()) == nil })
		})
	}
}

// A connection that broke while it was idle is found out before a write is
// risked on it.
func TestIdleConnectionsBreak(t *testing.T) {
	target := fresh(t)
	through, cutter := cut(t, target)
	d := discipline(store.Atomic)
	d.Pool = 4
	db := open(t, through, d, app.Options{})
	for range 5 {
		cutter.hangUp()
		for range 8 {
			var e *store.Error
			if err := increment(db, store.Atomic); errors.As(err, &e) && e.Unsure {
				t.Fatalf("an attempt on an idle connection that had broken is unsure: %v", e)
			}
		}
		eventually(t, "another attempt", func() bool { return increment(db, store.Atomic) == nil })
	}
}

// The server is killed under load and started again, several times. What was
// acknowledged is there, what was refused is not, and the nodes go on by themselves.
func TestServerIsKilled(t *testing.T) {
	server, err := server.StartPostgres(t.Context(), os.TempDir())
	need(t, err)
	t.Cleanup(func() { must(t, server.Close()) })
	for _, style := range []store.Transaction{store.ForUpdate, store.Atomic} {
		t.Run(string(style), func(t *testing.T) {
			link := schema(t, server)
			d := discipline(style)
			d.Synchronous, d.Pool = store.Full, 4
			l := &loaded{style: style, stop: make(chan struct{})}
			dbs := []*app.DB{open(t, link, d, app.Options{}), open(t, link, d, app.Options{})}
			for _, db := range dbs {
				for range 4 {
					l.wg.Go(func() { l.load(t, db) })
				}
			}
			for range 2 {
				want := l.done.Load() + 50
				eventually(t, "50 increments", func() bool { return l.done.Load() >= want })
				must(t, server.Kill(t.Context()))
				away := l.refused.Load()
				eventually(t, "a certain refusal", func() bool { return l.refused.Load() > away })
				must(t, server.Restart(t.Context()))
			}
			want := l.done.Load() + 50
			eventually(t, "50 increments after the restart", func() bool { return l.done.Load() >= want })
			close(l.stop)
			l.wg.Wait()
			n, done, unsure := counter(t, dbs[0]), l.done.Load(), l.unsure.Load()
			if n < done || n > done+unsure {
				t.Errorf("counter is %d after %d acknowledged and %d unsure", n, done, unsure)
			}
			t.Logf("counter %d: %d acknowledged, %d unsure, %d refused", n, done, unsure, l.refused.Load())
		})
	}
}

// A loaded is a load and what came of it.
type loaded struct {
	style                 store.Transaction
	stop                  chan struct{}
	wg                    sync.WaitGroup
	done, refused, unsure atomic.Int64
}

func (l *loaded) load(t *testing.T, db *app.DB) {
	for {
		select {
		case <-l.stop:
			return
		default:
		}
		err := increment(db, l.style)
		var e *store.Error
		switch {
		case err == nil:
			l.done.Add(1)
		case errors.As(err, &e) && e.Unsure:
			l.unsure.Add(1)
		case errors.As(err, &e) && e.Refused:
			l.refused.Add(1)
			time.Sleep(time.Millisecond) // the server is away: it needs the processors to come back
		default:
			t.Errorf("neither done, refused nor unsure: %v", err)
		}
	}
}

// A Close does not wait for a server to come back.
func TestCloseWhileTheServerIsAway(t *testing.T) {
	server, err := server.StartPostgres(t.Context(), os.TempDir())
	need(t, err)
	t.Cleanup(func() { must(t, server.Close()) })
	link, err := server.Fresh(t.Context())
	must(t, err)
	db, err := app.Open(t.Context(), postgres.At(link), discipline(store.Atomic), app.Options{})
	must(t, err)
	must(t, server.Kill(t.Context()))
	eventually(t, "a refusal because there is no connection", func() bool {
		e := storeError(t, increment(db, store.Atomic))
		return e.Extended == "08001" && e.Refused && !e.Unsure
	})
	if err := db.Check(context.Background()); err == nil {
		t.Error("the check finds nothing wrong")
	}
	must(t, db.Close())
}
