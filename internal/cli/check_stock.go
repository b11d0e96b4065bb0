package cli

import (
	"fmt"
	"io"
	"iter"
	"slices"

	"example.com/contend/check"
	"example.com/contend/history"
)

var stockChecker = checker{
	name:  "stock",
	short: "Was no more sold than there was, and is all that was sold gone?",
	long: `stock judges whether no more pieces of an item were sold than there were, and
whether every piece that was sold is gone from its final stock. Purchases that
ended unknown may have taken theirs or not: where that decides, the verdict is
inconclusive. Two purchases that took the same piece, by the stock they were
told is left, prove a lost update even without a final stock.`,
	example: `  contend check stock runs/latest/recordings/*/history.jsonl
  contend check stock --initial lamp=50 --final lamp=0 mine.jsonl
  contend check stock --json mine.jsonl | jq '.histories[].items[] | {key, oversold, vanished}'`,
	judge: func(name string, ops iter.Seq[history.Op]) judged {
		found := check.Stock(ops)
		return judged{
			verdict: found.Verdict,
			document: struct {
				History string `json:"history"`
				check.Stocks
			}{name, found},
			text: func(w io.Writer) { stocksText(w, found) },
		}
	},
	amends: amends{history.Purchase, "the stock of an item", "items"},
}

// stocksText prints the verdict, the figures of each item, and the witnesses;
// what is refuted comes first.
func stocksText(w io.Writer, found check.Stocks) {
	fmt.Fprintf(w, "%s: %s\n", found.Verdict, found.Reason)
	if len(found.Items) == 0 {
		return
	}
	items := slices.Clone(found.Items)
	slices.SortStableFunc(items, func(a, b check.Item) int { return severity(b.Verdict) - severity(a.Verdict) })
	fmt.Fprintln(w)
	table := newTable(w)
	fmt.Fprintln(table, "item\tacknowledged\trefused\tunknown\tinitial\tsold\tleft\toversold\tvanished\tverdict")
	for _, i := range items[:min(len(items), maxRows)] {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n", printable(i.Key), i.Acknowledged, i.Refused, i.Unknown,
			known(i.Initial), i.Sold, known(i.Left), i.Oversold, i.Vanished, i.Verdict)
	}
	_ = table.Flush()
	leftOutText(w, len(items))
	var all []check.Witness
	for _, i := range items {
		all = append(all, i.Witnesses...)
	}
	witnessesText(w, all)
}
