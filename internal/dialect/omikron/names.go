package omikron

import "strings"

// names are the canonical types and top-level keys of data (dossier 2.4), the
// keys of the envelope and of call groups with them. Anything else passes as it
// was written.
const names = `
error error_invalid_user_id error_not_found error_no_iota error_invalid_challenge error_invalid_secret error_invalid_private_key
success settings_save settings_load settings_list message message_response message_send message_live message_other_iota
message_get message_chunk messages_get change_confirm confirm_receive confirm_read get_chats get_states add_community
remove_community get_communities challenge challenge_response register register_response identification identification_response
ping pong add_chat send_chat shared_secret_set shared_secret_get shared_secret_return iota_connected iota_closed client_changed
client_connected client_disconnected client_closed public_key private_key webrtc_sdp webrtc_ice start_stream end_stream
watch_stream get_call new_call call_invite end_call function update

error_type accepted_ids uuid settings settings_name chat_partner_id iota_id user_id user_ids user_state user_states user_ping
user_pings call_state screen_share private_key_hash accepted accepted_profiles denied_profiles content message_content
messages loaded_messages message_amount send_time get_time get_variant shared_secret_own shared_secret_other
shared_secret_sign shared_secret call_id call_name call_secret_sha call_secret shared_call_secret start_date end_date receiver_id
sender_id signature signed last_ping ping_iota ping_clients matches omikron offset amount position name path codec
payload result interactables want_to_watch watcher created_at username display avatar about status sub_level sub_end
community_address community_title communities iota_secret salt

id type sender receiver log data`

// canonical finds a name by its spelling without underscores in lower case.
var canonical = func() map[string]string {
	m := map[string]string{}
	for _, name := range strings.Fields(names) {
		m[strings.ReplaceAll(name, "_", "")] = name
	}
	return m
}()

// canon returns the canonical spelling of a type or key, or the name itself.
func canon(name string) string {
	if len(name) > 64 {
		return name
	}
	var buf [64]byte
	b := buf[:0]
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '_':
			continue
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	if known, ok := canonical[string(b)]; ok {
		return known
	}
	return name
}

// states are the states of users as they are written and as they are sent:
// upper case, which clients compare exactly (dossier 4.4).
var states = map[string]string{"online": "ONLINE", "useronline": "ONLINE", "idle": "IDLE", "away": "IDLE", "useridle": "IDLE", "dnd": "DND",
	"donotdisturb": "DND", "userdnd": "DND", "wc": "WC", "userwc": "WC"}

// callStates are the states in a call group (seed).
var callStates = map[string]string{"active": "active", "streaming": "streaming", "muted": "muted", "deafed": "deafed", "deafened": "deafed"}

func fold(s string) string { return strings.ToLower(strings.ReplaceAll(strings.Trim(s, `"`), "_", "")) }
