package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/contend/history"
)

// An audit is a bank on its way to Balances.
type audit struct {
	*bank
	Balances
	sorted         []*account
	noBegin, noEnd *account // the first whose initial or final balance is not known
	choice         Verdict  // whether some choice of unknown transfers explains all balances
}

func (b *bank) judge() Balances {
	a := audit{bank: b, Balances: Balances{
		Acknowledged: b.acked, Failed: b.failed, Unknown: b.unknown,
		Totals: b.totals.n, Accounts: []Account{}, Witnesses: []Witness{},
	}}
	for _, key := range slices.Sorted(maps.Keys(b.accounts)) {
		a.sorted = append(a.sorted, b.accounts[key])
	}
	a.inspect()
	a.Initial, a.noBegin = b.together((*frame).began)
	a.Final, a.noEnd = b.together((*frame).ended)
	if a.totals.n > 0 {
		a.Lowest, a.Highest = a.totals.lowest.Value, a.totals.highest.Value
	}
	if a.Initial.Valid {
		a.Wrong = a.totals.wrong
	}
	for _, account := range a.sorted {
		a.Accounts = append(a.Accounts, account.judge(&a))
	}
	if a.spoilt == "" {
		a.choice = a.explain()
	}
	a.decide()
	return a.Balances
}

// inspect looks for what spoils everything.
func (a *audit) inspect() {
	for _, account := range a.sorted {
		switch {
		case a.others[account.key]:
			a.spoil(fmt.Sprintf("%q is a counter or an item as well, and so are perhaps other keys", account.key))
		case account.spoilt != "":
			a.spoil(fmt.Sprintf("%q: %s", account.key, account.spoilt))
		}
	}
}

// judge says what is known of one account.
func (c *account) judge(a *audit) Account {
	judged := Account{Key: c.key, Initial: c.began(), Final: c.ended(), Received: c.in.n, Sent: c.out.n}
	judged.Overdrawn = judged.Final.Valid && judged.Final.Int64 < 0 && (!judged.Initial.Valid || judged.Initial.Int64 >= 0)
	if !judged.Initial.Valid || a.spoilt != "" {
		return judged
	}
	least, fits := added(c.began().Int64, c.in.n, -c.out.n, -c.mayOut.n)
	most, fitsToo := added(c.began().Int64, c.in.n, -c.out.n, c.mayIn.n)
	if !fits || !fitsToo || c.in.over || c.out.over || c.mayIn.over || c.mayOut.over {
		a.spoil(fmt.Sprintf("%q: what it received and sent is more than 64 bits can count", c.key))
		return judged
	}
	judged.Expected = Range{least, most}
	if final := judged.Final; final.Valid {
		judged.Off = minus(final.Int64, min(most, max(least, final.Int64)))
	}
	return judged
}

// decide sets the verdict and its reason, and shows what proves it.
func (a *audit) decide() {
	complaints := a.complaints()
	switch {
	case a.spoilt != "":
		a.Reason = "nothing can be said: " + a.spoilt
	case len(complaints) > 0:
		a.Verdict, a.Reason = Refuted, strings.Join(complaints, ", and ")
		a.witness()
	case a.acked == 0:
		a.Reason = fmt.Sprintf("no transfer was acknowledged, so none could go wrong (%d failed, %d unknown)", a.failed, a.unknown)
	case a.noBegin != nil:
		a.Reason = fmt.Sprintf("the initial balance of %q is not known: no reset was recorded", a.noBegin.key)
	case a.noEnd != nil && a.noEnd.finalEarly:
		a.Reason = fmt.Sprintf("the final balance of %q was read before its last acknowledged transfer had returned", a.noEnd.key)
	case a.noEnd != nil:
		a.Reason = fmt.Sprintf("the final balance of %q was not read", a.noEnd.key)
	case !a.Initial.Valid || !a.Final.Valid:
		a.Reason = "the balances together are more than 64 bits can count"
	case a.choice == Inconclusive:
		a.Reason = fmt.Sprintf("no money is gone, but the final balances do not tell which unknown transfers (%d) took effect", a.unknown)
	default:
		a.Verdict, a.Reason = Holds, a.holdsReason()
	}
}

func (a *audit) holdsReason() string {
	reason := fmt.Sprintf("all %d are there, in the final balances", a.Initial.Int64)
	if a.Totals > 0 {
		reason += fmt.Sprintf(" and each of %d times that they were added up", a.Totals)
	}
	reason += fmt.Sprintf(", and %d acknowledged transfers explain every account", a.acked)
	if a.unknown > 0 {
		reason += fmt.Sprintf(", with some of %d unknown ones or none", a.unknown)
	}
	return reason
}

// complaints says what refutes the claim, in clauses.
func (a *audit) complaints() []string {
	var all []string
	if a.Initial.Valid && a.Final.Valid && a.Initial != a.Final {
		all = append(all, fmt.Sprintf("%s: the final balances add up to %d",
			change(a.Initial.Int64, a.Final.Int64), a.Final.Int64))
	} else if reason := a.unexplained(); reason != "" {
		all = append(all, reason)
	}
	switch {
	case a.Wrong > 0:
		all = append(all, fmt.Sprintf("%d of %d times that all balances were added up they were not %d, but %s",
			a.Wrong, a.Totals, a.Initial.Int64, Range{a.Lowest.Int64, a.Highest.Int64}))
	case a.Lowest != a.Highest:
		all = append(all, fmt.Sprintf("all balances added up to %d and to %d", a.Lowest.Int64, a.Highest.Int64))
	}
	for _, account := range a.Accounts {
		if account.Overdrawn {
			return append(all, fmt.Sprintf("%q ended below zero, at %d", account.Key, account.Final.Int64))
		}
	}
	return all
}

// change says what became of all the money: "10 of 300 are gone".
func change(from, to int64) string {
	if to < from {
		return fmt.Sprintf("%d of %d are gone", minus(from, to), from)
	}
	return fmt.Sprintf("%d were made beside %d", minus(to, from), from)
}

// unexplained says which balance its transfers cannot make, if there is one.
func (a *audit) unexplained() string {
	for i := range a.Accounts {
		if a.Accounts[i].Off != 0 {
			return a.Accounts[i].off()
		}
	}
	if a.choice == Refuted {
		return fmt.Sprintf("no choice among the unknown transfers (%d) explains the final balances", a.unknown)
	}
	return ""
}

func (c *Account) off() string {
	return fmt.Sprintf("%q ended at %d, and its transfers make it %s", c.Key, c.Final.Int64, c.Expected)
}

// witness collects the ops that prove what is wrong.
func (a *audit) witness() {
	t := &a.totals
	switch {
	case a.Wrong > 0:
		a.prove("money not conserved", fmt.Sprintf("all balances added up to %d, and they began at %d",
			t.first.Value.Int64, a.Initial.Int64), t.first)
	case a.Lowest != a.Highest:
		a.prove("money not conserved", "all balances were added up twice, and the sums differ", inOrder(t.lowest, t.highest)...)
	}
	shown := 0
	for i, account := range a.Accounts {
		final := a.sorted[i].final
		if account.Off != 0 {
			if shown++; shown <= maxExamples {
				a.prove("wrong balance", account.off(), final)
			}
		}
		if account.Overdrawn {
			a.prove("overdraft", fmt.Sprintf("%q ended below zero", account.Key), final)
		}
	}
}

// inOrder returns two ops in the order in which they returned.
func inOrder(a, b history.Op) []history.Op {
	if b.Returned < a.Returned || b.Returned == a.Returned && b.Index < a.Index {
		a, b = b, a
	}
	return []history.Op{a, b}
}

func (a *audit) prove(anomaly, reason string, ops ...history.Op) {
	a.Witnesses = append(a.Witnesses, Witness{Anomaly: anomaly, Reason: reason, Ops: ops})
}
