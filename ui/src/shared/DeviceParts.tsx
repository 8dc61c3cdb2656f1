// Parts of dialogs about devices.

import { useId } from "preact/hooks";

/** A list of devices to choose from; nothing where there is none to name. */
export function Choice(props: { label: string; options: MediaDeviceInfo[]; chosen: string; onChoose(id: string): void }) {
  const id = useId();
  if (props.options.length === 0) return null;
  // What was chosen may be gone; the browser then uses the first.
  const chosen = props.options.some((d) => d.deviceId === props.chosen) ? props.chosen : props.options[0]?.deviceId;
  return (
    <div class="choice">
      <label for={id}>{props.label}</label>
      <select id={id} value={chosen ?? ""} onChange={(e) => props.onChoose(e.currentTarget.value)}>
        {props.options.map((device, index) => (
          <option key={device.deviceId} value={device.deviceId}>
            {device.label || `${props.label} ${index + 1}`}
          </option>
        ))}
      </select>
    </div>
  );
}

/** How loud the microphone is, from 0 to 1. */
export function LevelBar({ share }: { share: number }) {
  return (
    <div class="level-bar" role="meter" aria-label="Loudness of your microphone" aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(share * 100)}>
      <div class="level-fill" style={{ transform: `scaleX(${share.toFixed(2)})` }} />
    </div>
  );
}
