// Puts a tone in place of the microphone (?tone=HERTZ in the page's address, 0 for no
// microphone at all), and tells how loud a tone is in what the page plays.
(() => {
  const hertz = Number(new URLSearchParams(location.search).get("tone") ?? NaN);
  const devices = navigator.mediaDevices;
  const amplitude = 0.25; // -12 dB

  if (!Number.isNaN(hertz) && devices) {
    const real = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (constraints) => {
      const stream = constraints.video ? await real({ video: constraints.video }) : new MediaStream();
      if (constraints.audio) {
        if (hertz === 0) throw new DOMException("Requested device not found", "NotFoundError");
        const context = new AudioContext();
        const tone = new OscillatorNode(context, { frequency: hertz });
        const out = context.createMediaStreamDestination();
        tone.connect(new GainNode(context, { gain: amplitude })).connect(out);
        tone.start();
        stream.addTrack(out.stream.getAudioTracks()[0]);
      }
      return stream;
    };
  }

  // One context and one analyser for each sound that is played, made when first asked for.
  let context;
  const analysers = new WeakMap();

  function analyserOf(track) {
    if (!analysers.has(track)) {
      context ??= new AudioContext({ sampleRate: 48_000 });
      const analyser = new AnalyserNode(context, { fftSize: 16_384 }); // a third of a second
      context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
      analysers.set(track, analyser);
    }
    return analysers.get(track);
  }

  // The amplitude of one frequency in the last third of a second, by correlation under a Hann window.
  function amplitudeIn(analyser, frequency) {
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    const step = (2 * Math.PI * frequency) / analyser.context.sampleRate;
    let re = 0, im = 0, weight = 0;
    samples.forEach((sample, n) => {
      const w = 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / samples.length);
      re += w * sample * Math.cos(step * n);
      im += w * sample * Math.sin(step * n);
      weight += w;
    });
    return (2 * Math.hypot(re, im)) / weight;
  }

  window.tones = {
    // How loud a tone is in what the page plays, in decibels below how it was spoken.
    level(frequency) {
      let loudest = 1e-6; // far below anything that can be heard
      for (const element of document.querySelectorAll("audio, video")) {
        for (const track of element.srcObject?.getAudioTracks() ?? []) {
          if (!element.muted) loudest = Math.max(loudest, amplitudeIn(analyserOf(track), frequency));
        }
      }
      return 20 * Math.log10(loudest / amplitude);
    },
  };
})();
