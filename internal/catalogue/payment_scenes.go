package catalogue

import (
	"time"

	"example.com/contend/internal/api"
	"example.com/contend/internal/script"
	"example.com/contend/internal/workload"
)

// The six steps of the seed's second scenario.
const (
	aBegins     = "1. Container A: ユーザー1の残高更新開始"
	bBegins     = "2. Container B: ユーザー2の残高更新開始"
	aWaits      = "3. Container A: 決済履歴テーブルにアクセス待機"
	bWaits      = "4. Container B: 残高テーブルにアクセス待機"
	bothTimeOut = "5. 両方: SQLITE_BUSY タイムアウト"
	bothFail    = "6. 結果: 両方の決済が失敗"
)

// A payer is a container that pays for its user: the balance becomes less, and
// the payment history gets a row.
type payer struct {
	actor
	account string
	amount  int64
}

var (
	payerA = payer{containerA, workload.Account(0), 10}
	payerB = payer{containerB, workload.Account(1), 20}
)

func (p payer) looks() script.Step { return p.asks(api.DoReadBalance, p.account) }
func (p payer) debits() script.Step {
	return p.changes(api.DoSetBalance, p.account, -p.amount)
}

func (p payer) records() script.Step {
	s := p.asks(api.DoRecordPayment, p.account)
	s.To, s.Value = "shop", p.amount
	return s
}

// audit is how container C looks at what has become of both payments.
func audit() []script.Step {
	c := containerC
	return line(bothFail, c.does(api.DoCountPayments), c.asks(api.DoReadBalance, payerA.account), c.asks(api.DoReadBalance, payerB.account))
}

// paymentsMeet is how both payments come to meet. SQLite has one write lock for all
// tables: A, who has it, waits for none of them, and B is refused its first write.
func paymentsMeet() []script.Step {
	a, b := payerA, payerB
	return scene("",
		line(aBegins, a.does(api.DoBeginDeferred), a.looks(), a.debits()),
		line(bBegins, b.does(api.DoBeginDeferred), b.looks()),
		line(aWaits, a.records()),
		line(bWaits, b.debits()),
	).Steps
}

// letsGo: B, refused, rolls back.
func letsGo() *script.Script {
	return scene("B rolls back", paymentsMeet(),
		line(bothTimeOut, payerB.does(api.DoRollback), payerA.does(api.DoCommit)),
		audit(),
	)
}

// retriesWhole: B, refused, rolls back and pays when A is done.
func retriesWhole() *script.Script {
	b := payerB
	return scene("B does it all again", paymentsMeet(),
		line(bothTimeOut, b.does(api.DoRollback), payerA.does(api.DoCommit),
			b.does(api.DoBeginDeferred), b.looks(), b.debits(), b.records(), b.does(api.DoCommit)),
		audit(),
	)
}

// keepsOpen: B, refused, tries its statement again and keeps its transaction.
// In a rollback journal A's COMMIT then waits for B, as long as it may, and
// gives up; in WAL mode it does not.
func keepsOpen(aGivesUp bool) *script.Script {
	a, b := payerA, payerB
	again := b.debits()
	again.After = 100 * time.Millisecond // A's COMMIT is under way
	end := []script.Step{b.does(api.DoRollback)}
	if aGivesUp {
		end = []script.Step{a.does(api.DoRollback), b.does(api.DoRollback)}
	}
	return scene("B keeps its transaction open", paymentsMeet(),
		line(bothTimeOut, apart(a.does(api.DoCommit)), again), end,
		audit(),
	)
}

// paysInTurn: both take the write lock before they look, so B waits until A is done.
func paysInTurn() *script.Script {
	a, b := payerA, payerB
	return scene("B waits at BEGIN",
		line(aBegins, a.does(api.DoBeginImmediate), a.looks(), a.debits()),
		line(bBegins, apart(b.does(api.DoBeginImmediate))),
		line(aWaits, a.records(), a.does(api.DoCommit)),
		line(bWaits, b.looks(), b.debits(), b.records(), b.does(api.DoCommit)),
		audit(),
	)
}

// twoConnections: container B reads on one connection, has not closed its
// cursor, and begins to write on another. SQLite, which sees two strangers,
// lets both containers wait: B's second connection for A's write lock, and A's
// COMMIT for B's first connection.
//
// B's last look keeps A's ROLLBACK back until B has been refused as well.
func twoConnections() *script.Script {
	a := payerA
	reader, writer := payerB, payerB
	reader.session, writer.session = "B1", "B2"
	return scene("B reads on one connection and writes on another",
		line(aBegins, a.does(api.DoBeginImmediate), a.looks(), a.debits()),
		line(bBegins, reader.does(api.DoBeginDeferred), reader.looks()),
		line(aWaits, a.records()),
		line(bWaits, apart(writer.does(api.DoBeginImmediate))),
		line(bothTimeOut, apart(a.does(api.DoCommit)), writer.looks(), a.does(api.DoRollback), reader.does(api.DoRollback)),
		audit(),
	)
}
