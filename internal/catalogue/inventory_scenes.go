package catalogue

import (
	"example.com/contend/internal/api"
	"example.com/contend/internal/script"
)

// The seven steps of the seed's first scenario, and how it ends.
const (
	fiftyInStock = "1. 在庫数: 50個"
	aLooks       = "2. Container A: 在庫確認 → 50個"
	bLooks       = "3. Container B: 在庫確認 → 50個"
	aSells       = "4. Container A: 10個販売処理 → 在庫40個に更新（成功）"
	bIsRefused   = "5. Container B: 5個販売処理 → SQLITE_BUSY（失敗）"
	bRetries     = "6. Container B: リトライ → 在庫確認 → 40個"
	bSells       = "7. Container B: 5個販売処理 → 在庫35個に更新（成功）"
	allIsWell    = "結果: 正常に処理完了"
)

// item is what is sold, stocked so many times at first.
const (
	item    = "item"
	stocked = 50
)

// looks is a look at the stock.
func (a actor) looks() script.Step { return a.asks(api.DoReadStock, item) }

// sells sets the stock to n less than what a has last read of it.
func (a actor) sells(n int64) script.Step { return a.changes(api.DoSetStock, item, -n) }

// saleAsTold is what the seed tells, to the letter: both look within a
// transaction, A commits, and B's snapshot is stale.
func saleAsTold() *script.Script {
	a, b, c := containerA, containerB, containerC
	return scene("B's snapshot is stale",
		line(fiftyInStock, c.looks()),
		line(aLooks, a.does(api.DoBeginDeferred), a.looks()),
		line(bLooks, b.does(api.DoBeginDeferred), b.looks()),
		line(aSells, a.sells(10), a.does(api.DoCommit)),
		line(bIsRefused, b.sells(5)),
		line(bRetries, b.does(api.DoRollback), b.does(api.DoBeginDeferred), b.looks()),
		line(bSells, b.sells(5), b.does(api.DoCommit)),
		line(allIsWell, c.looks()),
	)
}

// saleBesideReader is the same in a rollback journal: A cannot commit before B,
// which has read, lets go. A's look waits for its own COMMIT, so that B, when
// it retries, finds it done.
func saleBesideReader() *script.Script {
	a, b, c := containerA, containerB, containerC
	return scene("A's COMMIT waits for B",
		line(fiftyInStock, c.looks()),
		line(aLooks, a.does(api.DoBeginDeferred), a.looks()),
		line(bLooks, b.does(api.DoBeginDeferred), b.looks()),
		line(aSells, a.sells(10), apart(a.does(api.DoCommit))),
		line(bIsRefused, b.sells(5), b.does(api.DoRollback), a.looks()),
		line(bRetries, b.does(api.DoBeginDeferred), b.looks()),
		line(bSells, b.sells(5), b.does(api.DoCommit)),
		line(allIsWell, c.looks()),
	)
}

// saleInTurn: both take the write lock before they look, so B looks when A is done.
func saleInTurn() *script.Script {
	a, b, c := containerA, containerB, containerC
	return scene("B waits at BEGIN before it looks",
		line(fiftyInStock, c.looks()),
		line(aLooks, a.does(api.DoBeginImmediate), a.looks()),
		line(bLooks, apart(b.does(api.DoBeginImmediate))),
		line(aSells, a.sells(10), a.does(api.DoCommit)),
		line(bSells, b.looks(), b.sells(5), b.does(api.DoCommit)),
		line(allIsWell, c.looks()),
	)
}

// saleRefused: both look first, and only write in a transaction. B is not
// patient, is refused at BEGIN, and looks again.
func saleRefused() *script.Script {
	a, b, c := containerA, containerB, containerC
	return scene("B looks first and is refused at BEGIN",
		line(fiftyInStock, c.looks()),
		line(aLooks, a.looks()),
		line(bLooks, b.looks()),
		line(aSells, a.does(api.DoBeginImmediate), a.sells(10)),
		line(bIsRefused, b.does(api.DoBeginImmediate)),
		line(bRetries, a.does(api.DoCommit), b.looks()),
		line(bSells, b.does(api.DoBeginImmediate), b.sells(5), b.does(api.DoCommit)),
		line(allIsWell, c.looks()),
	)
}

// saleWaited: the same with patience. B waits until A is done, and then writes
// what it has made of its old look.
func saleWaited() *script.Script {
	a, b, c := containerA, containerB, containerC
	return scene("B looks first and waits at BEGIN",
		line(fiftyInStock, c.looks()),
		line(aLooks, a.looks()),
		line(bLooks, b.looks()),
		line(aSells, a.does(api.DoBeginImmediate), a.sells(10)),
		line(bIsRefused, apart(b.does(api.DoBeginImmediate)), a.does(api.DoCommit), b.sells(5), b.does(api.DoCommit)),
		line(allIsWell, c.looks()),
	)
}

// saleWithoutTransaction: nobody holds a lock for longer than a statement, so nobody is refused.
func saleWithoutTransaction() *script.Script {
	a, b, c := containerA, containerB, containerC
	return scene("nobody begins a transaction",
		line(fiftyInStock, c.looks()),
		line(aLooks, a.looks()),
		line(bLooks, b.looks()),
		line(aSells, a.sells(10)),
		line(bIsRefused, b.sells(5)),
		line(allIsWell, c.looks()),
	)
}
