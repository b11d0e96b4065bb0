package node

import (
	"example.com/contend/internal/api"
	"example.com/contend/internal/store"
)

// An act is one thing that a session can be told to do.
type act struct {
	fields func(*api.SessionRequest) []field // beside session and do
	do     deed
}

// A deed does it, and puts what there is to tell into the answer.
type deed func(store.Session, *api.SessionRequest, *api.SessionResponse) error

var acts = map[string]act{
	api.DoOpen:           {noFields, func(store.Session, *api.SessionRequest, *api.SessionResponse) error { return nil }},
	api.DoBeginDeferred:  {noFields, begins(store.Deferred)},
	api.DoBeginImmediate: {noFields, begins(store.Immediate)},
	api.DoBeginExclusive: {noFields, begins(store.Exclusive)},
	api.DoCommit:         {noFields, ends(store.Session.Commit)},
	api.DoRollback:       {noFields, ends(store.Session.Rollback)},
	api.DoReadCounter:    {aName, reads(store.Session.Counter)},
	api.DoSetCounter:     {aLevel, sets(store.Session.SetCounter)},
	api.DoReadStock:      {aName, reads(store.Session.Stock)},
	api.DoSetStock:       {aLevel, sets(store.Session.SetStock)},
	api.DoReadBalance:    {aName, reads(store.Session.Balance)},
	api.DoSetBalance:     {aLevel, sets(store.Session.SetBalance)},
	api.DoCountPayments:  {noFields, counts(store.Session.Payments)},
	api.DoRecordPayment:  {aPayment, recordPayment},
	api.DoCountRows:      {noFields, counts(store.Session.Rows)},
	api.DoWriteRows:      {howMany, writeRows},
	api.DoCheckpoint:     {aCheckpoint, checkpoint},
	api.DoWALSize:        {noFields, counts(store.Session.WALSize)},
	api.DoClose:          {noFields, nil}, // a session cannot close itself: see Node.session
}

func noFields(*api.SessionRequest) []field { return nil }

func aName(r *api.SessionRequest) []field { return []field{text("name", &r.Name, maxName)} }

// In aLevel, value may be missing, for 0: that is how package api's type says it in JSON.
func aLevel(r *api.SessionRequest) []field {
	value := whole("value", &r.Value, -maxLevel, maxLevel)
	value.optional = true
	return append(aName(r), value)
}

// In aCheckpoint, value may be missing as well, for one checkpoint.
func aCheckpoint(r *api.SessionRequest) []field {
	times := whole("value", &r.Value, 0, maxRows)
	times.optional = true
	return append(aName(r), times)
}

func aPayment(r *api.SessionRequest) []field {
	return append(aName(r), text("to", &r.To, maxName), whole("value", &r.Value, 1, maxQuantity))
}

func howMany(r *api.SessionRequest) []field { return []field{whole("value", &r.Value, 1, maxRows)} }

func begins(style store.Transaction) deed {
	return func(s store.Session, _ *api.SessionRequest, _ *api.SessionResponse) error { return s.Begin(style) }
}

func ends(how func(store.Session) error) deed {
	return func(s store.Session, _ *api.SessionRequest, _ *api.SessionResponse) error { return how(s) }
}

func reads(what func(store.Session, string) (int64, error)) deed {
	return func(s store.Session, r *api.SessionRequest, a *api.SessionResponse) error {
		n, err := what(s, r.Name)
		a.Value = &n
		return err
	}
}

func sets(what func(store.Session, string, int64) error) deed {
	return func(s store.Session, r *api.SessionRequest, a *api.SessionResponse) error {
		a.Value = &r.Value
		return what(s, r.Name, r.Value)
	}
}

func counts(what func(store.Session) (int64, error)) deed {
	return func(s store.Session, _ *api.SessionRequest, a *api.SessionResponse) error {
		n, err := what(s)
		a.Value = &n
		return err
	}
}

func recordPayment(s store.Session, r *api.SessionRequest, _ *api.SessionResponse) error {
	return s.RecordPayment(r.Name, r.To, r.Value)
}

func writeRows(s store.Session, r *api.SessionRequest, a *api.SessionResponse) error {
	a.Value = &r.Value
	return s.WriteRows(r.Value)
}

func checkpoint(s store.Session, r *api.SessionRequest, a *api.SessionResponse) error {
	for range max(r.Value, 1) {
		c, err := s.Checkpoint(store.CheckpointMode(r.Name))
		if err != nil {
			return err
		}
		a.Blocked, a.Frames, a.Checkpointed = &c.Blocked, &c.Frames, &c.Moved
	}
	return nil
}
