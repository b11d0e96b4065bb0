package check

// maxTries is how many times explain takes an unknown transfer for done or for
// not done before it gives up: milliseconds' worth.
const maxTries = 100_000

// explain says whether some choice of unknown transfers makes the final
// balances, all at once, of what the acknowledged ones made: it holds, is
// refuted, or is inconclusive where balances are not known or the tries are
// used up.
func (a *audit) explain() Verdict {
	if a.spoilt != "" || a.noBegin != nil || a.noEnd != nil {
		return Inconclusive
	}
	for _, c := range a.sorted {
		made, _ := added(c.began().Int64, c.in.n, -c.out.n)
		c.residual = c.ended().Int64 - made
		c.roomIn, c.roomOut = c.mayIn.n, c.mayOut.n
	}
	for i := range a.Accounts {
		if a.Accounts[i].Off != 0 {
			return Refuted
		}
	}
	tries := maxTries
	return try(a.open, &tries)
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
func (c *account) possible() bool { return -c.roomOut <= c.residual && c.residual <= c.roomIn }
