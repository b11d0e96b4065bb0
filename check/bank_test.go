package check_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/contend/check"
	"example.com/contend/history"
)

func ExampleBank() {
	const recorded = `{"process":-1,"op":"reset","key":"ann","value":100,"outcome":"ok"}
{"process":-1,"op":"reset","key":"bob","value":100,"outcome":"ok"}
{"op":"transfer","key":"ann","to":"bob","amount":10,"outcome":"ok"}
{"op":"total","key":"balances","value":190,"outcome":"ok"}
{"process":-1,"op":"final-read","key":"ann","value":90,"outcome":"ok"}
{"process":-1,"op":"final-read","key":"bob","value":100,"outcome":"ok"}
`
	judged := check.Bank(history.NewReader(strings.NewReader(recorded), "history.jsonl").Ops())
	fmt.Println(judged.Verdict)
	fmt.Println(judged.Reason)
	// Output:
	// refuted
	// 10 of 200 are gone: the final balances add up to 190, and 1 of 1 totals were not 200, but 190
}

// bankOps reads a history written short: "a>b:10" is an acknowledged transfer
// of 10 from a to b, with "?" behind it an unknown and with "-" a failed one,
// "a=100" a reset, "a!90" a final read and "T200" a read of all balances. Each
// returns before the next is sent.
func bankOps(short string) []history.Op {
	var ops []history.Op
	for i, word := range strings.Fields(short) {
		op := history.Op{Index: i, Outcome: history.OK,
			Intended: time.Duration(2 * i), Invoked: time.Duration(2 * i), Returned: time.Duration(2*i + 1)}
		at := strings.IndexAny(word, ">=!T")
		op.Key = word[:at]
		number := word[at+1:]
		switch word[at] {
		case 'T':
			op.Func, op.Key = history.Total, "balances"
		case '=':
			op.Func = history.Reset
		case '!':
			op.Func = history.FinalRead
		case '>':
			op.Func = history.Transfer
			op.To, number, _ = strings.Cut(number, ":")
			_, _ = fmt.Sscan(number, &op.Amount)
			switch number[len(number)-1] {
			case '?':
				op.Outcome = history.Unknown
			case '-':
				op.Outcome = history.Failed
			}
		}
		if op.Func != history.Transfer {
			_, err := fmt.Sscan(number, &op.Value.Int64)
			op.Value.Valid = err == nil
		}
		ops = append(ops, op)
	}
	return ops
}

func TestBank(t *testing.T) {
	for _, c := range []struct {
		name, ops string
		verdict   check.Verdict
		reason    string
	}{
		{"all there", "a=100 b=100 a>b:10 T200 b>a:5 T200 a!95 b!105", check.Holds,
			"all 200 are there, in the final balances and in each of 2 totals, and 2 acknowledged transfers explain every account"},
		{"never added up", "a=100 b=100 a>b:10 a!90 b!110", check.Holds,
			"all 200 are there, in the final balances, and 1 acknowledged transfers explain every account"},
		{"to itself", "a=5 a>a:3 a!5", check.Holds, ""},
		{"an unknown one not done", "a=100 b=100 a>b:10 a>b:5? a!90 b!110", check.Holds,
			"all 200 are there, in the final balances, and 1 acknowledged transfers explain every account, with some of 1 unknown ones or none"},
		{"an unknown one done", "a=100 b=100 a>b:10 a>b:5? a!85 b!115", check.Holds, ""},
		{"of two unknown ones the second", "a=100 b=100 a>b:10 a>b:5? a>b:7? a!83 b!117", check.Holds, ""},
		{"no choice of unknown ones", "a=100 b=100 a>b:10 a>b:5? a>b:7? a!84 b!116", check.Refuted,
			"no choice among the unknown transfers (2) explains the final balances"},
		{"gone in the end", "a=100 b=100 a>b:10 a!90 b!100", check.Refuted, "10 of 200 are gone: the final balances add up to 190"},
		{"made in the end", "a=100 b=100 a>b:10 a!100 b!110", check.Refuted, "10 appeared beside 200: the final balances add up to 210"},
		{"half of an unknown one", "a=100 b=100 a>b:10 a>b:5? a!85 b!110", check.Refuted, ""},
		{"gone for a while", "a=100 b=100 a>b:10 T200 T190 T200 a!90 b!110", check.Refuted,
			"1 of 3 totals were not 200, but 190–200"},
		{"gone for a while, balances not known", "T200 a>b:10 T190", check.Refuted, "two totals of all balances differ: 190 and 200"},
		{"a lost transfer", "a=100 b=100 a>b:10 a!100 b!100", check.Refuted, `"a" ended at 100, and its transfers make it 90`},
		{"one balance is enough", "a=100 a>b:10 a!100", check.Refuted, ""},
		{"a failed one took effect", "a=100 b=100 a>b:10 a>b:5- a!85 b!115", check.Refuted, ""},
		{"overdrawn", "a=5 b=0 a>b:10 a!-5 b!10", check.Refuted, `"a" ended below zero, at -5`},
		{"overdrawn from the first", "a=-5 b=20 b>a:1 a!-4 b!19", check.Holds, ""},
		{"nothing acknowledged", "a=1 b=1 a>b:1? a>b:1- a!0 b!2", check.Inconclusive,
			"no transfer was acknowledged, so none could go wrong (1 failed, 1 unknown)"},
		{"nothing", "", check.Inconclusive, ""},
		{"no reset", "a=100 a>b:10 a!90 b!10", check.Inconclusive, `the initial balance of "b" is not known: no reset was recorded`},
		{"not read", "a=100 b=100 a>b:10 T200 a!90", check.Inconclusive, `the final balance of "b" was not read`},
		{"read too early", "a=100 b=100 a>b:10 a!90 b!110 a>b:1", check.Inconclusive,
			`the final balance of "a" was read before its last acknowledged transfer had returned`},
		{"reset in the midst", "a=100 b=100 a>b:10 b=100 a!90 b!100", check.Inconclusive, `the history cannot be judged: "b": it was reset after transfers had begun`},
		{"reset after it was added up", "a=100 T100 b=100 a>b:10 a!90 b!110", check.Inconclusive,
			"the history cannot be judged: a balance was reset after a total had been read"},
		{"to nobody", "a=100 a>:10 a!90", check.Inconclusive, `the history cannot be judged: a transfer of 10 goes from "a" to ""`},
		{"less than nothing", "a=100 b=100 a>b:-10 a!110 b!90", check.Inconclusive, ""},
		{"more than numbers can count", "a=9223372036854775807 b=1 b>a:1 a!0 b!0", check.Inconclusive,
			`the history cannot be judged: "a": the sum of its transfers exceeds 64 bits`},
		{"more together than numbers can count", "a=9223372036854775807 b=1 a>b:1 a!9223372036854775806 b!2", check.Inconclusive,
			"the sum of all balances exceeds 64 bits"},
		{"as far off as numbers go", "a=-9223372036854775808 b=0 c=0 b>c:1 a!9223372036854775807 b!-1 c!1", check.Refuted,
			"9223372036854775807 appeared beside -9223372036854775808: the final balances add up to 9223372036854775807, and \"b\" ended below zero, at -1"},
		{"too many unknown ones", tooMany(), check.Inconclusive, "no money is gone, but the final balances do not tell which unknown transfers (60) took effect"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := check.Bank(slices.Values(bankOps(c.ops)))
			if got.Verdict != c.verdict || c.reason != "" && got.Reason != c.reason {
				t.Errorf("%v: %s\nwant %v: %s", got.Verdict, got.Reason, c.verdict, c.reason)
			}
		})
	}
}

// tooMany has 60 unknown transfers of even amounts, and a balance that is odd.
func tooMany() string {
	short := "a=9000 b=0 a>b:1"
	for i := range 60 {
		short += fmt.Sprintf(" a>b:%d?", 2*i+2)
	}
	return short + " a!7000 b!2000"
}

func TestBankFigures(t *testing.T) {
	got := check.Bank(slices.Values(bankOps("a=100 b=50 a>b:10 T150 T140 b>a:3? T155 a!95 b!55")))
	want := check.Balances{
		Verdict:      check.Refuted,
		Reason:       `"a" ended at 95, and its transfers make it 90–93, and 2 of 3 totals were not 150, but 140–155`,
		Acknowledged: 1, Unknown: 1, Initial: history.Some(150), Final: history.Some(150),
		Totals: 3, Wrong: 2, Lowest: history.Some(140), Highest: history.Some(155),
		Accounts: []check.Account{
			{Key: "a", Initial: history.Some(100), Final: history.Some(95), Sent: 10, Expected: check.Range{Min: 90, Max: 93}, Off: 2},
			{Key: "b", Initial: history.Some(50), Final: history.Some(55), Received: 10, Expected: check.Range{Min: 57, Max: 60}, Off: -2},
		},
		Witnesses: got.Witnesses,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestBankWitnesses(t *testing.T) {
	for _, c := range []struct {
		name, ops string
		want      []seen
	}{
		{"none", "a=100 b=100 a>b:10 T200 a!90 b!110", nil},
		{"the first wrong sum", "a=100 b=100 a>b:10 T200 T190 T180 a!90 b!110", []seen{{"money not conserved", []int{4}}}},
		{"two sums", "T200 a>b:10 T190 T195", []seen{{"money not conserved", []int{0, 2}}}},
		{"balances", "a=9 b=9 a>b:10 a!9 b!-1", []seen{{"wrong balance", []int{3}}, {"wrong balance", []int{4}}, {"overdraft", []int{4}}}},
	} {
		recorded := bankOps(c.ops)
		got := seenIn(t, check.Bank(slices.Values(recorded)).Witnesses, recorded)
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(seen{})); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.name, diff)
		}
	}
}

func TestBankBesideOtherKeys(t *testing.T) {
	money := bankOps("a=100 b=100 a>b:10 T200 a!90 b!110")
	rows := history.Op{Index: 9, Process: -1, Func: history.FinalRead, Key: "data", Value: history.Some(7), Outcome: history.OK}
	hits := history.Op{Process: -1, Func: history.Reset, Key: "hits", Value: history.Some(5), Outcome: history.OK}
	hit := history.Op{Func: history.Increment, Key: "hits", Outcome: history.OK}
	for _, c := range []struct {
		name string
		ops  []history.Op
		want check.Verdict
	}{
		{"a count of rows is no balance", append(slices.Clone(money), rows), check.Holds},
		{"a counter is no account", append([]history.Op{hits, hit}, money...), check.Inconclusive},
	} {
		if got := check.Bank(slices.Values(c.ops)); got.Verdict != c.want {
			t.Errorf("%s: %v, want %v: %s", c.name, got.Verdict, c.want, got.Reason)
		}
	}
}
