package catalogue

import (
	"testing"

	"example.com/contend/check"
	"example.com/contend/internal/experiment"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/run"
)

func TestSnapshotJudgements(t *testing.T) {
	x := snapshot(Options{})
	statement, transaction, twice := sceneOf(t, x, "statement again"), sceneOf(t, x, "transaction again"), sceneOf(t, x, "overtaken again")
	turns := sceneOf(t, x, "immediate/5000/WAL")
	type judge = func(*run.Recording) experiment.Judgement
	for name, c := range map[string]struct {
		judge judge
		of    *run.Recording
		want  check.Verdict
	}{
		"refused at once":       {refusedAtOnce, staging(statement, 1000, refused(7, "SQLITE_BUSY_SNAPSHOT", 99*ms)), check.Holds},
		"refused after a while": {refusedAtOnce, staging(statement, 1000, refused(7, "SQLITE_BUSY_SNAPSHOT", 100*ms)), check.Inconclusive},
		"refused after all":     {refusedAtOnce, staging(statement, 1000, refused(7, nodeapi.CodeTimeout, 1000*ms)), check.Refuted},
		"not refused":           {refusedAtOnce, staging(statement, 1000), check.Refuted},

		"stale":            {checkOf(t, snapshot(Options{}).Claims, "busy-snapshot"), staging(statement, 1000, refused(7, "SQLITE_BUSY_SNAPSHOT", 0)), check.Holds},
		"only busy":        {checkOf(t, snapshot(Options{}).Claims, "busy-snapshot"), staging(statement, 1000, refused(7, nodeapi.CodeBusy, 0)), check.Refuted},
		"no code, no word": {checkOf(t, snapshot(Options{}).Claims, "busy-snapshot"), staging(statement, 1000), check.Inconclusive},

		"refused each time": {refusedAgain, staging(statement, 1000,
			refused(7, "SQLITE_BUSY_SNAPSHOT", 0), refused(8, "SQLITE_BUSY_SNAPSHOT", 0), refused(9, "SQLITE_BUSY_SNAPSHOT", 0)), check.Holds},
		"the third time": {refusedAgain, staging(statement, 1000, refused(7, "SQLITE_BUSY_SNAPSHOT", 0), refused(8, "SQLITE_BUSY_SNAPSHOT", 0)), check.Refuted},
		"never again":    {refusedAgain, staging(transaction, 1000, refused(7, "SQLITE_BUSY_SNAPSHOT", 0)), check.Inconclusive},

		"through":         {throughAgain, staging(transaction, 1000, refused(7, "SQLITE_BUSY_SNAPSHOT", 0)), check.Holds},
		"refused again":   {throughAgain, staging(twice, 1000, refused(7, "SQLITE_BUSY_SNAPSHOT", 0), refused(15, "SQLITE_BUSY_SNAPSHOT", 0)), check.Refuted},
		"not tried again": {throughAgain, staging(statement, 1000, refused(7, "SQLITE_BUSY_SNAPSHOT", 0)), check.Inconclusive},

		"begun and done":        {unrefusedSinceBegin, staging(turns, 1000), check.Holds},
		"refused at BEGIN only": {unrefusedSinceBegin, staging(turns, 1000, refused(3, nodeapi.CodeTimeout, 1000*ms)), check.Holds},
		"refused at COMMIT":     {unrefusedSinceBegin, staging(turns, 1000, refused(5, nodeapi.CodeTimeout, 1000*ms)), check.Refuted},
		"nothing begun":         {unrefusedSinceBegin, staging(turns, 1000, refused(1, nodeapi.CodeBusy, 0), refused(3, nodeapi.CodeBusy, 0)), check.Inconclusive},
	} {
		t.Run(name, func(t *testing.T) { wantVerdict(t, c.judge, c.of, c.want) })
	}
}
