// Passkeys as pages of Tensamin use them: the server asks, the browser answers, and what the server tells then unlocks the
// private key that the page keeps.
window.passkeys = (() => {
  let id;
  const ask = async (url, body) => {
    const answer = await (await fetch(url, body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) })).json();
    return answer.type === "success" ? answer.data : { error: answer.log.message };
  };
  const options = (data) => JSON.parse(atob(data.options));
  return {
    async make(api, user, hash) {
      const asked = await ask(`${api}/register/options/${user}`, { private_key_hash: hash });
      if (asked.error) return asked.error;
      const made = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options(asked)) });
      id = made.id;
      const told = await ask(`${api}/register/verify/${user}`, { private_key_hash: hash, attestation: made.toJSON() });
      return told.error ?? told.lambda;
    },
    async use(api, user) {
      const asked = await ask(`${api}/login/options/${user}/${id}`);
      if (asked.error) return asked.error;
      const proof = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options(asked)) });
      const told = await ask(`${api}/login/verify/${user}/${id}`, { attestation: proof.toJSON() });
      return told.error ?? told.lambda;
    },
  };
})();
