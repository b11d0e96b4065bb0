package app

import (
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

// An Act is one thing that a session can do, and which fields its request has
// beside session and do.
type Act struct {
	Name, To    bool
	Least, Most int64 // of Value; where Most is 0 there is none
	Optional    bool  // Value may be missing, for 0, as package nodeapi's type has it in JSON

	// Do does it and puts the result into the answer. Of nodeapi.DoClose it is nil: a
	// session cannot close itself.
	Do func(*Session, *nodeapi.SessionRequest, *nodeapi.SessionResponse) error
}

// Acts lists every act by its name in a request.
var Acts = map[string]Act{
	nodeapi.DoOpen:           {Do: ends(func(*Session) error { return nil })},
	nodeapi.DoBeginDeferred:  {Do: ends(func(s *Session) error { return s.Begin(store.Deferred) })},
	nodeapi.DoBeginImmediate: {Do: ends(func(s *Session) error { return s.Begin(store.Immediate) })},
	nodeapi.DoBeginExclusive: {Do: ends(func(s *Session) error { return s.Begin(store.Exclusive) })},
	nodeapi.DoCommit:         {Do: ends((*Session).Commit)},
	nodeapi.DoRollback:       {Do: ends((*Session).Rollback)},
	nodeapi.DoReadCounter:    {Name: true, Do: reads((*Tx).Counter)},
	nodeapi.DoSetCounter:     sets((*Tx).SetCounter),
	nodeapi.DoReadStock:      {Name: true, Do: reads((*Tx).Stock)},
	nodeapi.DoSetStock:       sets((*Tx).SetStock),
	nodeapi.DoReadBalance:    {Name: true, Do: reads((*Tx).Balance)},
	nodeapi.DoSetBalance:     sets((*Tx).SetBalance),
	nodeapi.DoCountPayments:  {Do: counts(countPayments)},
	nodeapi.DoCountRows:      {Do: counts(countData)},
	nodeapi.DoRecordPayment: {Name: true, To: true, Least: 1, Most: MaxQuantity,
		Do: func(s *Session, r *nodeapi.SessionRequest, _ *nodeapi.SessionResponse) error {
			return s.RecordPayment(r.Name, r.To, r.Value)
		}},
	nodeapi.DoWriteRows: {Least: 1, Most: MaxRows, Do: func(s *Session, r *nodeapi.SessionRequest, a *nodeapi.SessionResponse) error {
		a.Value = &r.Value
		return s.Exec(sceneRows, r.Value)
	}},
	nodeapi.DoCheckpoint: {Name: true, Most: MaxRows, Optional: true, Do: checkpoint},
	nodeapi.DoWALSize: {Do: func(s *Session, _ *nodeapi.SessionRequest, a *nodeapi.SessionResponse) error {
		n, err := s.WALSize()
		a.Value = &n
		return err
	}},
	nodeapi.DoClose: {},
}

func ends(how func(*Session) error) func(*Session, *nodeapi.SessionRequest, *nodeapi.SessionResponse) error {
	return func(s *Session, _ *nodeapi.SessionRequest, _ *nodeapi.SessionResponse) error { return how(s) }
}

func reads(what func(*Tx, string) (int64, error)) func(*Session, *nodeapi.SessionRequest, *nodeapi.SessionResponse) error {
	return func(s *Session, r *nodeapi.SessionRequest, a *nodeapi.SessionResponse) error {
		n, err := what(s.Tx, r.Name)
		a.Value = &n
		return err
	}
}

func sets(what func(*Tx, string, int64) error) Act {
	return Act{Name: true, Least: -MaxLevel, Most: MaxLevel, Optional: true,
		Do: func(s *Session, r *nodeapi.SessionRequest, a *nodeapi.SessionResponse) error {
			a.Value = &r.Value
			return what(s.Tx, r.Name, r.Value)
		}}
}

func counts(what *store.Statement) func(*Session, *nodeapi.SessionRequest, *nodeapi.SessionResponse) error {
	return func(s *Session, _ *nodeapi.SessionRequest, a *nodeapi.SessionResponse) error {
		n, err := s.Must(what)
		a.Value = &n
		return err
	}
}

func checkpoint(s *Session, r *nodeapi.SessionRequest, a *nodeapi.SessionResponse) error {
	for range max(r.Value, 1) {
		c, err := s.Checkpoint(store.CheckpointMode(r.Name))
		if err != nil {
			return err
		}
		a.Blocked, a.Frames, a.Checkpointed = &c.Blocked, &c.Frames, &c.Moved
	}
	return nil
}
