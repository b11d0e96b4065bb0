package app

import (
	"example.com/contend/internal/api"
	"example.com/contend/internal/store"
)

// An Act is one thing that a session can do, and which fields its request has
// beside session and do.
type Act struct {
	Name, To    bool
	Least, Most int64 // of Value; where Most is 0 there is none
	Optional    bool  // Value may be missing, for 0, as package api's type has it in JSON

	// Do does it and puts the result into the answer. Of api.DoClose it is nil: a
	// session cannot close itself.
	Do func(*Session, *api.SessionRequest, *api.SessionResponse) error
}

// Acts lists every act by its name in a request.
var Acts = map[string]Act{
	api.DoOpen:           {Do: ends(func(*Session) error { return nil })},
	api.DoBeginDeferred:  {Do: ends(func(s *Session) error { return s.Begin(store.Deferred) })},
	api.DoBeginImmediate: {Do: ends(func(s *Session) error { return s.Begin(store.Immediate) })},
	api.DoBeginExclusive: {Do: ends(func(s *Session) error { return s.Begin(store.Exclusive) })},
	api.DoCommit:         {Do: ends((*Session).Commit)},
	api.DoRollback:       {Do: ends((*Session).Rollback)},
	api.DoReadCounter:    {Name: true, Do: reads((*Tx).Counter)},
	api.DoSetCounter:     sets((*Tx).SetCounter),
	api.DoReadStock:      {Name: true, Do: reads((*Tx).Stock)},
	api.DoSetStock:       sets((*Tx).SetStock),
	api.DoReadBalance:    {Name: true, Do: reads((*Tx).Balance)},
	api.DoSetBalance:     sets((*Tx).SetBalance),
	api.DoCountPayments:  {Do: counts(countPayments)},
	api.DoCountRows:      {Do: counts(countData)},
	api.DoRecordPayment: {Name: true, To: true, Least: 1, Most: MaxQuantity,
		Do: func(s *Session, r *api.SessionRequest, _ *api.SessionResponse) error {
			return s.RecordPayment(r.Name, r.To, r.Value)
		}},
	api.DoWriteRows: {Least: 1, Most: MaxRows, Do: func(s *Session, r *api.SessionRequest, a *api.SessionResponse) error {
		a.Value = &r.Value
		return s.Exec(sceneRows, r.Value)
	}},
	api.DoCheckpoint: {Name: true, Most: MaxRows, Optional: true, Do: checkpoint},
	api.DoWALSize: {Do: func(s *Session, _ *api.SessionRequest, a *api.SessionResponse) error {
		n, err := s.WALSize()
		a.Value = &n
		return err
	}},
	api.DoClose: {},
}

func ends(how func(*Session) error) func(*Session, *api.SessionRequest, *api.SessionResponse) error {
	return func(s *Session, _ *api.SessionRequest, _ *api.SessionResponse) error { return how(s) }
}

func reads(what func(*Tx, string) (int64, error)) func(*Session, *api.SessionRequest, *api.SessionResponse) error {
	return func(s *Session, r *api.SessionRequest, a *api.SessionResponse) error {
		n, err := what(s.Tx, r.Name)
		a.Value = &n
		return err
	}
}

func sets(what func(*Tx, string, int64) error) Act {
	return Act{Name: true, Least: -MaxLevel, Most: MaxLevel, Optional: true,
		Do: func(s *Session, r *api.SessionRequest, a *api.SessionResponse) error {
			a.Value = &r.Value
			return what(s.Tx, r.Name, r.Value)
		}}
}

func counts(what *store.Statement) func(*Session, *api.SessionRequest, *api.SessionResponse) error {
	return func(s *Session, _ *api.SessionRequest, a *api.SessionResponse) error {
		n, err := s.Must(what)
		a.Value = &n
		return err
	}
}

func checkpoint(s *Session, r *api.SessionRequest, a *api.SessionResponse) error {
	for range max(r.Value, 1) {
		c, err := s.Checkpoint(store.CheckpointMode(r.Name))
		if err != nil {
			return err
		}
		a.Blocked, a.Frames, a.Checkpointed = &c.Blocked, &c.Frames, &c.Moved
	}
	return nil
}
