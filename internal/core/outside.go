package core

import (
	"context"
	"time"
)

// This file has the verbs about what reaches beyond the server's own clients and
// the present moment: telephone lines and recordings. Nothing is connected yet,
// and they say so.

// LinesReachable tells whether telephone lines can be reached.
func (h *Hub) LinesReachable() bool { return false }

// Recording is a file of what was said in a room.
type Recording struct {
	ID   string    `json:"id"`
	Room RoomID    `json:"room"`
	Path string    `json:"path"` // below the folder of recordings
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// RecordingQuery says which recordings are wanted; zero values ask for all.
type RecordingQuery struct {
	Room RoomID    `json:"room,omitempty"`
	User string    `json:"user,omitempty"` // who was in the room then
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Recordings lists what was recorded in rooms of the user's realm. It fails with
// Denied for guests.
func (s *Session) Recordings(context.Context, RecordingQuery) ([]Recording, error) {
	_, err := s.user()
	return nil, err
}

// Recorded lists the rooms of the user's realm that are being recorded.
func (s *Session) Recorded() ([]RoomID, error) {
	_, err := s.user()
	return nil, err
}

// Record begins to record a room. It fails with Denied, and with Unavailable when
// nothing can.
func (s *Session) Record(RoomID) error {
	if _, err := s.user(); err != nil {
		return err
	}
	return failure(Unavailable, AboutRequest, "nothing records here")
}

// StopRecord ends Record. It fails with Denied, and with NotFound when the room
// is not recorded.
func (s *Session) StopRecord(RoomID) error {
	if _, err := s.user(); err != nil {
		return err
	}
	return failure(NotFound, AboutRoom, "the room is not recorded")
}
