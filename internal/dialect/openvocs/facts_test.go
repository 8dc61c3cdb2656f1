package openvocs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryEventIsPlayed looks for every event of dossier 10, and every error, in
// the transcripts.
func TestEveryEventIsPlayed(t *testing.T) {
	all := transcripts(t)
	for _, event := range strings.Fields(`register login authenticate update_login logout authorize authorise get user_roles role_loops media
		candidate end_of_candidates switch_loop_state switch_loop_volume talking get_keyset_layout set_keyset_layout get_user_data set_user_data
		broadcast sip call hangup list_calls permit_call revoke_call list_call_permissions list_sip_status get_recording get_recorded_loops
		record_start record_stop is_ldap_enabled admin_domains admin_projects check_id_exists create update save update_password delete
		ldap_import verify get_key update_key delete_key load set_layout get_layout add_domain_admin add_project_admin get_highest_port
		get_all_loops state_mixer state_connections state_session get_mixer_state
		switch_state switch_volume switch_ptt get_recordings permit revoke list_permissions list_sip`) {
		asked := regexp.MustCompile(`> *\{"event":"` + event + `"`)
		if !asked.MatchString(all) {
			t.Errorf("request %s is in no transcript", event)
		}
		answered := regexp.MustCompile(`< *\{"event":"` + event + `"`)
		if !answered.MatchString(all) {
			t.Errorf("the reply to %s is in no transcript", event)
		}
	}
	for _, push := range []string{`"candidate".*"type":"unicast","parameter"`, `"media_ready"`, `"switch_loop_state".*"type":"loop_broadcast"`,
		`"switch_loop_state".*"type":"user_broadcast"`, `"switch_loop_volume".*"type":"user_broadcast"`, `"talking".*"type":"loop_broadcast"`,
		`"vad"`, `"broadcast".*"type":"system_broadcast"`} {
		if !regexp.MustCompile(`< *\{"event":` + push).MatchString(all) {
			t.Errorf("no transcript has a push like %s", push)
		}
	}
}

// TestEveryCodeIsPlayed looks for every code of errors.go in the transcripts.
func TestEveryCodeIsPlayed(t *testing.T) {
	source, err := os.ReadFile("errors.go")
	if err != nil {
		t.Fatal(err)
	}
	all := transcripts(t)
	codes := regexp.MustCompile(`(?m)^\tcode\w+ += (\d+)`).FindAllSubmatch(source, -1)
	if len(codes) < 12 {
		t.Fatalf("only %d codes found", len(codes))
	}
	for _, code := range codes {
		if c := string(code[1]); !strings.Contains(all, `"code":`+c+`,`) {
			t.Errorf("code %s is in no transcript", c)
		}
	}
}

// TestNoSecretIsRepeated: nothing that a transcript expects has a password or the
// session id of somebody in what is repeated of the request.
func TestNoSecretIsRepeated(t *testing.T) {
	for line := range strings.Lines(transcripts(t)) {
		if _, got, ok := strings.Cut(line, "< "); ok && strings.Contains(got, "is who I am") {
			t.Errorf("a password is expected: %s", line)
		}
	}
}

func transcripts(t *testing.T) string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.talk")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	var all strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
