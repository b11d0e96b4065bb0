package check

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/contend/history"
)

// Balances is the judgement of [Bank] on a history. Counts are of transfers.
type Balances struct {
	Verdict      Verdict `json:"verdict"`
	Reason       string  `json:"reason"` // one sentence, for people
	Acknowledged int64   `json:"acknowledged"`
	Failed       int64   `json:"failed"`
	Unknown      int64   `json:"unknown"`

	Initial history.Value `json:"initial"` // all balances at first; null where some are not known
	Final   history.Value `json:"final"`   // all balances in the end; null where some are not known

	Totals  int64         `json:"totals"`  // reads of all balances in one transaction
	Wrong   int64         `json:"wrong"`   // of these, those that did not find Initial; 0 where that is not known
	Lowest  history.Value `json:"lowest"`  // the least that one of them found; null where there is none
	Highest history.Value `json:"highest"` // the most

	Accounts  []Account `json:"accounts"`  // sorted by key
	Witnesses []Witness `json:"witnesses"` // a few of each anomaly
}

// An Account is what a history says of one account.
type Account struct {
	Key       string        `json:"key"`
	Initial   history.Value `json:"initial"`   // null where no reset says so
	Final     history.Value `json:"final"`     // null where there is no final read to trust
	Received  int64         `json:"received"`  // by acknowledged transfers
	Sent      int64         `json:"sent"`      // by acknowledged transfers
	Expected  Range         `json:"expected"`  // what the final balance can be; 0 where Initial is not known
	Off       int64         `json:"off"`       // how far Final is above Expected or, negative, below it
	Overdrawn bool          `json:"overdrawn"` // it ended below zero, and certainly did not begin there
}

// Bank judges whether money was conserved, and whether every final balance is
// what the transfers make of the initial one. It reads transfers, reads of all
// balances in one transaction (totals), resets and final reads, and skips all
// other ops. Every account is to be reset before the transfers and read after
// them; the key "data" is never an account.
//
//   - A transfer moves money and makes none, whether it took effect or not. So
//     every total, and all final balances together, must be what all initial
//     balances are together. Where these are not known, totals that differ from
//     each other refute the claim too.
//   - The final balance of an account is the initial one, and what acknowledged
//     transfers brought, less what they took. An unknown transfer may have
//     changed both of its accounts, or neither: this gives [Account.Expected].
//   - No balance ends below zero that did not begin there. Of an account that was
//     not reset, the final balance and the transfers say where it began; of one that
//     was not read, the initial balance and the transfers say where it ended.
//
// Bank looks for a choice of unknown transfers that explains all balances at
// once. If there is none the claim is refuted; if there are too many to try it
// is left open. That an explanation exists is all that a pass says: an acknowledged
// transfer that was lost whole can hide behind an unknown one of the same accounts
// and amount.
//
// The verdict is inconclusive also where no transfer was acknowledged, where an
// initial or final balance is missing or in doubt, and where a transfer has no
// second account or no amount above zero. Where an initial balance is missing, totals
// are compared with each other alone, though final balances and transfers may say
// that they are wrong: that is where Bank leaves open what could be decided.
func Bank(ops iter.Seq[history.Op]) Balances {
	b := bank{accounts: map[string]*account{}, others: map[string]bool{}}
	b.Balances.Accounts, b.Witnesses = []Account{}, []Witness{}
	for op := range ops {
		b.add(&op)
	}
	b.judge()
	return b.Balances
}

// A bank holds what a history says of all accounts, and judges it.
type bank struct {
	Balances
	accounts               map[string]*account
	others                 map[string]bool // keys of counters and items, which are reset and read as accounts are
	open                   []move          // by unknown transfers
	wrong                  int64           // totals that differ from expected
	expected               history.Value   // the sum of the resets before the first total
	lowest, highest, first history.Op      // totals; first: of the wrong ones
	lastReset              time.Duration   // when it returned
	spoilt                 string          // why the history cannot be judged
	sorted                 []*account
	noBegin, noEnd         *account // the first whose initial or final balance is not known
	choice                 Verdict  // whether some choice of unknown transfers explains all balances
	unexplained            string   // the reason where none does
}

// An account holds what a history says of one account.
type account struct {
	frame
	key             string
	in, out         sum   // by acknowledged transfers
	mayIn, mayOut   sum   // by unknown ones
	bounded, exact  bool  // unknown transfers must bring residual at least; bring it exactly
	residual        int64 // less what those bring that were tried as done
	roomIn, roomOut int64 // of unknown transfers that were not tried yet
}

// A move is an unknown transfer.
type move struct {
	from, to *account
	amount   int64
}

func (b *bank) add(op *history.Op) {
	switch op.Func {
	case history.Transfer:
		b.addTransfer(op)
	case history.Total:
		b.addTotal(op)
	case history.Reset:
		b.account(op.Key).addReset(op)
		if op.Outcome == history.Failed {
			break
		}
		b.lastReset = max(b.lastReset, op.Returned)
		if b.Totals > 0 {
			b.spoil("a balance was reset after a total had been read")
		}
	case history.FinalRead:
		if op.Key != rowsKey && op.Key != OrdersKey {
			b.account(op.Key).addFinal(op)
		}
	case history.Increment, history.Read, history.Purchase, history.Reserve:
		b.others[op.Key] = true
	}
}

func (b *bank) account(key string) *account {
	a := b.accounts[key]
	if a == nil {
		a = &account{key: key, frame: frame{subject: transfers}}
		b.accounts[key] = a
	}
	return a
}

func (b *bank) addTransfer(op *history.Op) {
	if op.Outcome == history.Failed {
		b.Failed++
		return
	}
	if op.To == "" || op.Amount <= 0 {
		b.spoil(fmt.Sprintf("a transfer of %d goes from %q to %q", op.Amount, op.Key, op.To))
	}
	from, to := b.account(op.Key), b.account(op.To)
	from.begin(op)
	to.begin(op)
	if op.Outcome != history.OK {
		b.Unknown++
		from.mayOut.add(op.Amount)
		to.mayIn.add(op.Amount)
		b.open = append(b.open, move{from, to, op.Amount})
		return
	}
	b.Acknowledged++
	from.acknowledge(op)
	to.acknowledge(op)
	from.out.add(op.Amount)
	to.in.add(op.Amount)
}

func (b *bank) addTotal(op *history.Op) {
	if op.Outcome != history.OK || !op.Value.Valid {
		return
	}
	found := op.Value.Int64
	if b.Totals == 0 {
		b.lowest, b.highest = *op, *op
		b.expected, _ = b.together((*frame).began)
	}
	if b.Totals++; found < b.lowest.Value.Int64 {
		b.lowest = *op
	}
	if found > b.highest.Value.Int64 {
		b.highest = *op
	}
	if found != b.expected.Int64 {
		if b.wrong++; b.wrong == 1 {
			b.first = *op
		}
	}
	if op.Invoked < b.lastReset {
		b.spoil("a total was read before the last reset had returned")
	}
}

// together adds up one value of each account, and names the first, by key,
// that has none; then there is no sum.
func (b *bank) together(of func(*frame) history.Value) (total history.Value, missing *account) {
	var s sum
	for _, key := range slices.Sorted(maps.Keys(b.accounts)) {
		value := of(&b.accounts[key].frame)
		if !value.Valid {
			return history.Value{}, b.accounts[key]
		}
		s.add(value.Int64)
	}
	if s.over {
		return history.Value{}, nil
	}
	return history.Some(s.n), nil
}

// spoil keeps the first reason.
func (b *bank) spoil(reason string) { b.spoilt = cmp.Or(b.spoilt, reason) }

func (b *bank) judge() {
	for _, key := range slices.Sorted(maps.Keys(b.accounts)) {
		account := b.accounts[key]
		b.sorted = append(b.sorted, account)
		switch {
		case b.others[key]:
			b.spoil(fmt.Sprintf("%q is also the key of a counter or an item, and other keys may be too", key))
		case account.spoilt != "":
			b.spoil(fmt.Sprintf("%q: %s", key, account.spoilt))
		}
	}
	b.Initial, b.noBegin = b.together((*frame).began)
	b.Final, b.noEnd = b.together((*frame).ended)
	b.Lowest, b.Highest = b.lowest.Value, b.highest.Value
	if b.Initial.Valid {
		b.Wrong = b.wrong
	}
	for _, account := range b.sorted {
		b.Accounts = append(b.Accounts, b.judgeAccount(account))
	}
	if b.spoilt == "" {
		b.choice = b.explain()
	}
	b.decide()
}

func (b *bank) judgeAccount(c *account) Account {
	judged := Account{Key: c.key, Initial: c.began(), Final: c.ended(), Received: c.in.n, Sent: c.out.n}
	if b.spoilt != "" {
		return judged
	}
	begin, end := judged.Initial, judged.Final
	least, fits := added(begin.Int64, c.in.n, -c.out.n, -c.mayOut.n)
	most, fitsToo := added(begin.Int64, c.in.n, -c.out.n, c.mayIn.n)
	made, _ := added(begin.Int64, c.in.n, -c.out.n)
	if !fits || !fitsToo || c.in.over || c.out.over || c.mayIn.over || c.mayOut.over {
		b.spoil(fmt.Sprintf("%q: the sum of its transfers exceeds 64 bits", c.key))
		return judged
	}
	c.roomIn, c.roomOut = c.mayIn.n, c.mayOut.n
	switch negative := end.Valid && end.Int64 < 0; {
	case begin.Valid && end.Valid:
		judged.Overdrawn = negative && begin.Int64 >= 0
		c.bounded, c.exact, c.residual = true, true, minus(end.Int64, made)
	case begin.Valid && begin.Int64 >= 0: // it must not end below 0
		c.bounded, c.residual = true, -made
	case negative: // unless it began below 0: at end, less what all transfers brought
		judged.Overdrawn = minus(end.Int64, most) >= 0
		c.bounded, c.residual = !judged.Overdrawn, minus(end.Int64, made)+1
	}
	if !begin.Valid {
		return judged
	}
	judged.Expected = Range{least, most}
	if end.Valid {
		judged.Off = minus(end.Int64, min(most, max(least, end.Int64)))
	}
	return judged
}

// decide sets the verdict and its reason, and shows what proves it.
func (b *bank) decide() {
	complaints := b.complaints()
	switch {
	case b.spoilt != "":
		b.Reason = "the history cannot be judged: " + b.spoilt
	case len(complaints) > 0:
		b.Verdict, b.Reason = Refuted, strings.Join(complaints, ", and ")
		b.witness()
	case b.Acknowledged == 0:
		b.Reason = fmt.Sprintf("no transfer was acknowledged, so none could go wrong (%d failed, %d unknown)", b.Failed, b.Unknown)
	case b.noBegin != nil:
		b.Reason = fmt.Sprintf("the initial balance of %q is not known: no reset was recorded", b.noBegin.key)
	case b.noEnd != nil && b.noEnd.finalEarly:
		b.Reason = fmt.Sprintf("the final balance of %q was read before its last acknowledged transfer had returned", b.noEnd.key)
	case b.noEnd != nil:
		b.Reason = fmt.Sprintf("the final balance of %q was not read", b.noEnd.key)
	case !b.Initial.Valid || !b.Final.Valid:
		b.Reason = "the sum of all balances exceeds 64 bits"
	case b.choice == Inconclusive:
		b.Reason = fmt.Sprintf("no money is gone, but the final balances do not tell which unknown transfers (%d) took effect", b.Unknown)
	default:
		b.Verdict, b.Reason = Holds, fmt.Sprintf("all %d are there, in the final balances", b.Initial.Int64)
		if b.Totals > 0 {
			b.Reason += fmt.Sprintf(" and in each of %d totals", b.Totals)
		}
		b.Reason += fmt.Sprintf(", and %d acknowledged transfers explain every account", b.Acknowledged)
		if b.Unknown > 0 {
			b.Reason += fmt.Sprintf(", with some of %d unknown ones or none", b.Unknown)
		}
	}
}

// complaints says what refutes the claim, in clauses.
func (b *bank) complaints() []string {
	var all []string
	off := slices.IndexFunc(b.Accounts, func(a Account) bool { return a.Off != 0 })
	from, to := b.Initial.Int64, b.Final.Int64
	switch known := b.Initial.Valid && b.Final.Valid; {
	case known && to < from:
		all = append(all, fmt.Sprintf("%d of %d are gone: the final balances add up to %d", minus(from, to), from, to))
	case known && to > from:
		all = append(all, fmt.Sprintf("%d appeared beside %d: the final balances add up to %d", minus(to, from), from, to))
	case off >= 0:
		all = append(all, b.Accounts[off].off())
	case b.choice == Refuted:
		all = append(all, b.unexplained)
	}
	switch {
	case b.Wrong > 0:
		all = append(all, fmt.Sprintf("%d of %d totals were not %d, but %s",
			b.Wrong, b.Totals, from, Range{b.Lowest.Int64, b.Highest.Int64}))
	case b.Lowest != b.Highest:
		all = append(all, fmt.Sprintf("two totals of all balances differ: %d and %d", b.Lowest.Int64, b.Highest.Int64))
	}
	for _, account := range b.Accounts {
		if account.Overdrawn {
			return append(all, fmt.Sprintf("%q ended below zero, at %d", account.Key, account.Final.Int64))
		}
	}
	return all
}

func (a *Account) off() string {
	return fmt.Sprintf("%q ended at %d, and its transfers make it %s", a.Key, a.Final.Int64, a.Expected)
}

// witness collects the ops that prove what is wrong.
func (b *bank) witness() {
	prove := func(anomaly, reason string, ops ...history.Op) {
		b.Witnesses = append(b.Witnesses, Witness{anomaly, reason, ops})
	}
	switch {
	case b.Wrong > 0:
		prove("money not conserved", fmt.Sprintf("all balances added up to %d, and they began at %d",
			b.first.Value.Int64, b.Initial.Int64), b.first)
	case b.Lowest != b.Highest:
		ops := []history.Op{b.lowest, b.highest}
		slices.SortFunc(ops, func(a, b history.Op) int {
			return cmp.Or(cmp.Compare(a.Returned, b.Returned), cmp.Compare(a.Index, b.Index))
		})
		prove("money not conserved", "two totals of all balances differ", ops...)
	}
	shown := 0
	for i, account := range b.Accounts {
		final := b.sorted[i].final
		if account.Off != 0 {
			if shown++; shown <= maxExamples {
				prove("wrong balance", account.off(), final)
			}
		}
		if account.Overdrawn {
			prove("overdraft", fmt.Sprintf("%q ended below zero", account.Key), final)
		}
	}
}

// maxTries is how many times explain takes an unknown transfer for done or for
// not done before it gives up: milliseconds' worth.
const maxTries = 100_000

// explain says whether some choice of unknown transfers makes the final
// balances, all at once, of what the acknowledged ones made: it holds, is
// refuted, or is inconclusive where the tries are used up.
func (b *bank) explain() Verdict {
	for _, c := range b.sorted {
		if !c.possible() {
			b.unexplained = fmt.Sprintf("%q began at %d, and its transfers leave it below zero", c.key, c.began().Int64)
			return Refuted
		}
	}
	b.unexplained = fmt.Sprintf("no choice among the unknown transfers (%d) explains the final balances", b.Unknown)
	tries := maxTries
	return try(b.open, &tries)
}

// try decides the first of the moves both ways, the likelier one first. An
// account whose residual the moves that are left cannot make ends the attempt.
func try(moves []move, tries *int) Verdict {
	if len(moves) == 0 {
		return Holds
	}
	m := moves[0]
	m.from.roomOut -= m.amount
	m.to.roomIn -= m.amount
	defer func() {
		m.from.roomOut += m.amount
		m.to.roomIn += m.amount
	}()
	likelier := int64(0)
	if m.from.residual < 0 && m.to.residual > 0 {
		likelier = m.amount
	}
	verdict := Refuted
	for _, amount := range []int64{likelier, m.amount - likelier} {
		if *tries--; *tries < 0 {
			return Inconclusive
		}
		m.from.residual += amount
		m.to.residual -= amount
		if m.from.possible() && m.to.possible() {
			verdict = try(moves[1:], tries)
		}
		m.from.residual -= amount
		m.to.residual += amount
		if verdict != Refuted {
			return verdict
		}
	}
	return verdict
}

// possible reports whether the moves that are left can make the residual.
func (c *account) possible() bool {
	return !c.bounded || c.residual <= c.roomIn && (!c.exact || -c.roomOut <= c.residual)
}
