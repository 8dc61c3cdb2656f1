package nkmedia

// What the commands on sessions understand (dossier 2.1 to 2.3). Every command
// takes the spellings of every generation: clients mix them (dossier 7.1).

// descriptionFields are those of an offer or an answer.
func descriptionFields() []field {
	return join(fieldsOf(textForm, "sdp", "dest", "caller_name", "caller_id", "callee_name", "callee_id"),
		[]field{wordField("sdp_type", "webrtc", "rtp"), intField("in_bw", 0, 0), intField("out_bw", 0, 0)},
		fieldsOf(boolForm, "use_audio", "use_video", "use_stereo", "use_screen", "use_data", "trickle_ice"))
}

func descriptionField(name string) field {
	return field{name: name, form: objectForm, fields: descriptionFields()}
}

// typeWords are the words that upstream's system knew where it asks for a type;
// any other is a syntax error (dossier 1.7).
func typeWords() []string {
	return []string{"p2p", "echo", "proxy", "publish", "listen", "park", "mcu", "bridge", "play", "call", "connect", "viewer", "media",
		"listen_switch", "session_type", "mcu_layout", "user", "session", "sip", "verto", "room", "type"}
}

// kindFields switch kinds of media, in either spelling.
func kindFields() []field {
	return fieldsOf(boolForm, "use_audio", "use_video", "use_data", "mute_audio", "mute_video", "mute_data")
}

func roomOptionFields(prefix string) []field {
	return []field{intField(prefix+"bitrate", 0, 0), wordField(prefix+"audio_codec", "opus", "isac32", "isac16", "pcmu", "pcma"),
		wordField(prefix+"video_codec", "vp8", "vp9", "h264")}
}

// placeFields say where a session is to be and with whom.
func placeFields() []field {
	return join(fieldsOf(textForm, "room", "room_id", "conf_id", "publisher", "publisher_id", "peer", "peer_id", "mcu_layout", "layout",
		"room_type", "uri"), fieldsOf(boolForm, "create_room"), []field{intField("loops", 0, 0)}, roomOptionFields("room_"))
}

func startFields() []field {
	backend := wordField("backend", "nkmedia_janus", "nkmedia_fs", "nkmedia_kms")
	return join(must(wordField("type", typeWords()...)),
		[]field{descriptionField("offer"), descriptionField("answer"), backend, objectField("events_body"), objectField("event_body"),
			objectField("session_events_body"), objectField("session_meta"), intField("wait_timeout", 1, 0), intField("ready_timeout", 1, 0),
			intField("bitrate", 0, 0), intField("trickle_ice_timeout", 100, 30000), wordField("proxy_type", "webrtc", "rtp"),
			wordField("sdp_type", "webrtc", "rtp"), {name: "session_events", form: listForm}},
		fieldsOf(boolForm, "subscribe", "record", "park_after_bridge", "set_master_answer", "stop_after_peer", "wait_reply",
			"no_offer_trickle_ice", "no_answer_trickle_ice"),
		fieldsOf(textForm, "session_id", "master_id"), kindFields(), placeFields())
}

// aboutSession are fields of a command on a session, which has to be named.
func aboutSession(more ...field) []field { return join(must(textField("session_id")), more) }

func sessionCommands() map[string]command {
	start := command{fields: startFields(), run: (*conversation).startSession}
	stop := command{fields: aboutSession(intField("code", -1<<31, 0), textField("reason")), run: onSession((*conversation).stopSession)}
	answer := command{fields: join(aboutSession(), must(descriptionField("answer"))), run: onSession((*conversation).setAnswer)}
	info := command{fields: aboutSession(), run: onSession((*conversation).sessionInfo)}
	list := command{run: (*conversation).listSessions}
	linked := join(aboutSession(), fieldsOf(textForm, "peer_id", "room_id"), []field{descriptionField("answer")})
	return map[string]command{
		"media/session/start":         start,
		"media/session/create":        start,
		"media/session/start_session": start,
		"media/session/stop":          stop,
		"media/session/destroy":       stop,
		"media/session/stop_session":  stop,
		"media/session/set_answer":    answer,
		"media/session/set-answer":    answer,
		"media/session/info":          info,
		"media/session/get_info":      info,
		"media/session/list":          list,
		"media/session/get_list":      list,
		"media/session/get_status":    {fields: aboutSession(), run: onSession((*conversation).sessionStatus)},
		"media/session/get_stats":     {fields: aboutSession(), run: onSession((*conversation).sessionStats)},
		"media/session/get_offer":     {fields: aboutSession(), run: onSession((*conversation).getOffer)},
		"media/session/get_answer":    {fields: aboutSession(), run: onSession((*conversation).getAnswer)},

		"media/session/link":              {fields: linked, run: inside((*conversation).linkCommand)},
		"media/session/set_master_answer": {fields: linked, run: inside((*conversation).masterAnswer)},
		"media/session/meet":              {fields: linked, run: inside((*conversation).meet)},
		"media/session/part":              {fields: linked, run: inside((*conversation).part)},
	}
}

func changeCommands() map[string]command {
	mediaFields := join(kindFields(), []field{intField("bitrate", 0, 0)}, fieldsOf(boolForm, "record"))
	update := command{run: onSession((*conversation).update), fields: join(aboutSession(wordField("type", typeWords()...),
		wordField("update_type", typeWords()...), wordField("session_type", typeWords()...), wordField("new_type", typeWords()...)),
		mediaFields, placeFields())}
	candidate := command{run: onSession((*conversation).setCandidate), fields: join(aboutSession(textField("sdpMid"), textField("role")),
		must(intField("sdpMLineIndex", 0, 1<<15), textField("candidate")))}
	noMore := command{run: onSession((*conversation).endCandidates), fields: aboutSession(textField("role"))}
	player := join(aboutSession(), fieldsOf(textForm, "action", "uri"), []field{intField("loops", 0, 0), intField("position", 0, 0)})
	return map[string]command{
		"media/session/update":            update,
		"media/session/update_session":    update,
		"media/session/update_media":      {fields: join(aboutSession(), mediaFields), run: onSession((*conversation).updateMedia)},
		"media/session/set_type":          {fields: join(aboutSession(), must(wordField("type", typeWords()...)), placeFields()), run: onSession((*conversation).setType)},
		"media/session/set_candidate":     candidate,
		"media/session/candidate":         candidate,
		"media/session/set_candidate_end": noMore,
		"media/session/candidate_end":     noMore,
		"media/session/recorder_action":   {fields: aboutSession(textField("action"), textField("uri")), run: onSession((*conversation).recorderAction)},
		"media/session/player_action":     {fields: player, run: onSession((*conversation).playerAction)},
		"media/session/room_action": {fields: aboutSession(textField("action"), textField("layout"), textField("mcu_layout")),
			run: onSession((*conversation).roomAction)},
		"media/session/update_status": {fields: aboutSession(field{name: "talking", form: boolForm}, field{name: "no_events", form: boolForm}),
			run: onSession((*conversation).updateStatus)},
		"media/session/add_timelog": {fields: join(aboutSession(), must(textField("msg")), []field{objectField("body")}), run: onSession((*conversation).addTimelog)},
	}
}
