// A dialog that holds the keyboard until it is closed, and then gives it back.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "./Icons.tsx";

export function Modal(props: { title: string; onClose(): void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const onBackdrop = (event: MouseEvent): void => {
    if (event.target === dialog.current) props.onClose();
  };
  return (
    <dialog ref={dialog} class="modal" aria-labelledby="modal-title" onClose={props.onClose} onClick={onBackdrop}>
      <div class="modal-body">
        <header>
          <h2 id="modal-title">{props.title}</h2>
          <button type="button" class="plain" aria-label="Close" onClick={props.onClose}>
            <Icon name="close" />
          </button>
        </header>
        {props.children}
      </div>
    </dialog>
  );
}
