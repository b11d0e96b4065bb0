package workload

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/history"
	"example.com/contend/internal/nodeapi"
)

var (
	increment = Increment{Key: "counter", Nodes: 4}.Call(1, 0, nil)
	read      = Read{Key: "counter"}.Call(0, 0, nil)
	write     = Call{Op: history.Op{Func: history.Write, Key: "tag"}}
	purchase  = Purchase{Item: "book", Quantity: 5}.Call(0, 0, nil)
	total     = Total{}.Call(0, 0, nil)
	transfer  = Call{Op: history.Op{Func: history.Transfer, Key: "a", To: "b", Amount: 3}}
)

func TestAnswer(t *testing.T) {
	type result struct {
		Outcome        history.Outcome
		Value          history.Value
		Node           string
		Code, Extended string
	}
	const busy = `{"error":"database is locked","code":"SQLITE_BUSY","extended":"SQLITE_BUSY_SNAPSHOT","container":"app-3","duration":0.25}` + "\n"
	bad := result{Code: nodeapi.CodeBadAnswer}
	for _, test := range []struct {
		name   string
		call   Call
		status int
		body   string
		want   result
	}{
		{"increment", increment, 200, `{"success":true,"value":7,"container":"app-2"}`, result{history.OK, history.Some(7), "app-2", "", ""}},
		{"a value of 0 is a value", increment, 200, `{"success":true,"value":0,"container":"app-2"}`, result{history.OK, history.Some(0), "app-2", "", ""}},
		{"the node that answered counts", increment, 200, `{"success":true,"value":7,"container":"app-9"}`, result{history.OK, history.Some(7), "app-9", "", ""}},
		{"no container: the node that was asked", increment, 200, `{"success":true,"value":7}`, result{history.OK, history.Some(7), "app-2", "", ""}},
		{"as a person would write it", increment, 200, "{ \"success\": true,\n \"value\": 7 }", result{history.OK, history.Some(7), "app-2", "", ""}},
		{"write", write, 200, `{"success":true,"id":12,"duration":1.5,"container":"app-1"}`, result{history.OK, history.Some(12), "app-1", "", ""}},
		{"read", read, 200, `{"key":"counter","value":7}`, result{history.OK, history.Some(7), "", "", ""}},
		{"purchase", purchase, 200, `{"success":true,"item":"book","left":45,"container":"app-1"}`, result{history.OK, history.Some(45), "app-1", "", ""}},
		{"transfer", transfer, 200, `{"success":true,"from":"a","to":"b","amount":3,"container":"app-1"}`, result{history.OK, history.Value{}, "app-1", "", ""}},

		{"total", total, 200, `{"total":1000,"accounts":10}`, result{history.OK, history.Some(1000), "", "", ""}},

		{"busy", increment, 503, busy, result{history.Failed, history.Value{}, "app-3", "SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT"}},
		{"sold out", purchase, 409, `{"error":"sold out","code":"CONFLICT","container":"app-1","duration":1}`, result{history.Failed, history.Value{}, "app-1", "CONFLICT", ""}},
		{"certain, but no node's answer", increment, 503, `<html>`, result{history.Failed, history.Value{}, "app-2", "HTTP_503", ""}},
		{"certain, without a body", increment, 404, ``, result{history.Failed, history.Value{}, "app-2", "HTTP_404", ""}},
		{"an internal error proves nothing", increment, 500, `{"error":"disk I/O error","code":"SQLITE_IOERR","extended":"SQLITE_IOERR_WRITE","container":"app-2","duration":1}`,
			result{history.Unknown, history.Value{}, "app-2", "SQLITE_IOERR", "SQLITE_IOERR_WRITE"}},
		{"a lost node", increment, 502, `{"error":"lost","code":"NODE_LOST","duration":1}`, result{history.Unknown, history.Value{}, "app-2", "NODE_LOST", ""}},
		{"a gateway that is not ours", increment, 504, `<html>`, result{history.Unknown, history.Value{}, "app-2", nodeapi.CodeBadAnswer, ""}},
		{"another success status", write, 201, `{"success":true,"id":12}`, bad},
		{"a redirect", write, 302, ``, bad},

		{"200 without a body", write, 200, ``, bad},
		{"200 cut short", write, 200, `{"success":true,"id":12`, bad},
		{"200 with more after it", write, 200, `{"success":true,"id":12}{}`, bad},
		{"200 without success", write, 200, `{"id":12}`, bad},
		{"200 with success false", write, 200, `{"success":false,"id":12}`, bad},
		{"200 without the value", write, 200, `{"success":true,"value":12}`, bad},
		{"200 with a null value", write, 200, `{"success":true,"id":null}`, bad},
		{"200 with a fraction", write, 200, `{"success":true,"id":1.5}`, bad},
		{"200 with a number out of range", write, 200, `{"success":true,"id":9223372036854775808}`, bad},
		{"200 with a list", write, 200, `[true,12]`, bad},
		{"200 with another counter's answer", read, 200, `{"key":"other","value":7}`, bad},
		{"200 with another item's answer", purchase, 200, `{"success":true,"item":"pen","left":45}`, bad},
		{"200 with another transfer's answer", transfer, 200, `{"success":true,"from":"a","to":"c","amount":3}`, bad},
		{"200 with half a total", total, 200, `{"total":1000}`, bad},
		{"200 with another amount", transfer, 200, `{"success":true,"from":"a","to":"b","amount":4}`, bad},
	} {
		t.Run(test.name, func(t *testing.T) {
			call := test.call
			call.Answer(test.status, 3, []byte(test.body))
			op := call.Op
			got := result{op.Outcome, op.Value, op.Node, op.Code, op.Extended}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error("want -, got +\n" + diff)
			}
			if op.Status != test.status || op.Attempts != 3 || op.Func != test.call.Op.Func || op.Key != test.call.Op.Key {
				t.Errorf("got %+v", op)
			}
		})
	}
}

// A load keeps a name and a code of each of its answers, so none may be long.
func TestNamesInAnswersAreBounded(t *testing.T) {
	long := strings.Repeat("n", maxName+1)
	for _, c := range []struct {
		status  int
		body    string
		outcome history.Outcome
		code    string
	}{
		{200, `{"success":true,"value":1,"container":"` + long[1:] + `"}`, history.OK, ""},
		{200, `{"success":true,"value":1,"container":"` + long + `"}`, history.Unknown, nodeapi.CodeBadAnswer},
		{200, `{"success":true,"value":1,"container": "` + long + `"}`, history.Unknown, nodeapi.CodeBadAnswer}, // the long way
		{503, `{"code":"` + long + `"}`, history.Failed, "HTTP_503"},
		{503, `{"code":"SQLITE_BUSY","extended":"` + long + `"}`, history.Failed, "HTTP_503"},
	} {
		call := Call{Op: history.Op{Func: history.Increment, Key: "k"}}
		call.Answer(c.status, 1, []byte(c.body))
		if op := call.Op; op.Outcome != c.outcome || op.Code != c.code || len(op.Node)+len(op.Extended) > maxName {
			t.Errorf("%d %.50s…: %+v", c.status, c.body, op)
		}
	}
}

// What the node writes today goes the quick way. If this fails, answers are
// still read right, but slowly.
func TestScanTakesWhatANodeWrites(t *testing.T) {
	for _, answer := range []any{
		nodeapi.IncrementResponse{Success: true, Value: -7, Container: "app-1"},
		nodeapi.WriteResponse{Success: true, ID: 12, Duration: 0.125, Container: "app-1"},
		nodeapi.CounterResponse{Key: "counter", Value: 3},
		nodeapi.PurchaseResponse{Success: true, Item: "book", Left: 4, Container: "app-1"},
		nodeapi.TotalResponse{Total: 1000, Accounts: 10},
		nodeapi.TransferResponse{Success: true, From: "a", To: "b", Amount: 5, Container: "app-1"},
		nodeapi.Error{Error: "database is locked", Code: nodeapi.CodeBusy, Extended: "SQLITE_BUSY", Container: "app-1", Duration: 12},
	} {
		body, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range [][]byte{body, append(body, '\n')} {
			a := blank
			if !a.scan(body) {
				t.Errorf("did not take %s", body)
			}
		}
	}
}

// Where scan takes a body, encoding/json reads the same from it.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`{"success":true,"value":7,"container":"app-2"}`, `{"success":true,"id":12,"duration":1.5,"container":"app-1"}` + "\n",
		`{"key":"counter","value":-0}`, `{"value":01}`, `{"value":-}`, `{"value":1.5}`, `{"value":1e3}`, `{"value":9223372036854775807}`,
		`{"duration":0.}`, `{"duration":.5}`, `{"duration":00.5}`, `{"duration":1e400}`, `{"error":"a\"b"}`, `{"error":"\u00e9"}`, "{\"key\":\"\xff\"}",
		`{"value":1,"value":2}`, `{"value":1,}`, `{}`, `{"value"}`, `{"success":false}`, `{"success":trueish}`, `{"success":true}}`, `{"Value":1}`,
		`{"code":"SQLITE_BUSY","extended":"SQLITE_BUSY_SNAPSHOT","error":"x","from":"a","to":"b","amount":1,"left":2,"item":"i"}`,
		`{"total":5,"accounts":2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		quick := blank
		if !quick.scan(body) {
			return
		}
		slow, err := unmarshal(body)
		if err != nil {
			t.Fatalf("scan took %q, encoding/json says %v", body, err)
		}
		if quick != slow {
			t.Fatalf("%q: scan read %+v, encoding/json %+v", body, quick, slow)
		}
	})
}

// No answer is OK unless its status is 200 and its body is JSON; none is
// failed unless its status is certain; and each that is not OK says why.
func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(`{"success":true,"value":7,"container":"app-2"}`))
	f.Add(200, []byte(`{"key":"counter","value":7}`))
	f.Add(503, []byte(`{"code":"SQLITE_BUSY"}`))
	f.Add(500, []byte(`{"code":""}`))
	f.Add(200, []byte(`null`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		for _, call := range []Call{increment, read, write, purchase, transfer, total} {
			call.Answer(status, 0, body)
			op := call.Op
			ok, failed := op.Outcome == history.OK, op.Outcome == history.Failed
			if ok && (status != 200 || !json.Valid(body)) || failed != nodeapi.Certain(status) || ok != (op.Code == "") {
				t.Fatalf("%s, %d %q: %+v", call.Op.Func, status, body, op)
			}
			if op.Value.Valid && !ok {
				t.Fatalf("%s, %d %q: a value, but %s", call.Op.Func, status, body, op.Outcome)
			}
		}
	})
}
