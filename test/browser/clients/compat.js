// What browsers had when these clients were made and have taken away since: a
// MediaStream as the source of a video by way of a blob address.
const kept = new Map();
const createReal = URL.createObjectURL.bind(URL);
URL.createObjectURL = (object) => {
  if (!(object instanceof MediaStream)) return createReal(object);
  const address = `blob:stream-${kept.size + 1}`;
  kept.set(address, object);
  return address;
};
const real = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "src");
Object.defineProperty(HTMLMediaElement.prototype, "src", {
  configurable: true,
  enumerable: true,
  get() {
    return this.keptAddress ?? real.get.call(this);
  },
  set(address) {
    if (!kept.has(address)) return real.set.call(this, address);
    this.keptAddress = address;
    this.srcObject = kept.get(address);
  },
});
