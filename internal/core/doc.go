// Package core owns people, rooms and who is in them: sessions, participants,
// publications, subscriptions, messages, directories and permissions.
//
// Verbs are methods that take and return plain data; events are plain data in
// a mailbox. Down may wait, up never waits: a verb runs on the caller's
// goroutine, an event is posted and never blocks, and a mailbox that its reader
// does not empty ends the session. Each room has one lock, under which only
// memory is touched, so that everybody sees a room's events in one order. Locks
// nest only in this order: directory, room, and then either a mailbox's, a
// session's or the hub's, which are leaves.
//
// The package knows no protocol, no JSON, nothing inside SDP, no RTP and no
// SQL. Methods may be called from any goroutine unless they say otherwise.
package core
