// What a device keeps until the town has it: taps in the order in which they were made, and entries that were refused.
export const EVENTS = "events";
export const REFUSED = "refused";

export const list = (table) => work(table, "readonly", (rows) => rows.getAll());
export const add = (table, row) => work(table, "readwrite", (rows) => rows.add(row));
export const remove = (table, id) => work(table, "readwrite", (rows) => rows.delete(id));

/** Move an entry that was refused to where the driver sees it: it is in one of the two places whatever happens. */
export function refuse(entry, reason) {
  return open((database, done, failed) => {
    const transaction = database.transaction([EVENTS, REFUSED], "readwrite");
    transaction.objectStore(EVENTS).delete(entry.id);
    const { id: _, ...kept } = entry;
    transaction.objectStore(REFUSED).add({ ...kept, reason });
    finish(transaction, done, failed);
  });
}

function work(table, mode, task) {
  return open((database, done, failed) => {
    const transaction = database.transaction(table, mode);
    const request = task(transaction.objectStore(table));
    finish(transaction, () => done(request.result), failed);
  });
}

function open(task) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("noriai", 2);
    opening.onupgradeneeded = () => {
      for (const table of [EVENTS, REFUSED]) {
        if (!opening.result.objectStoreNames.contains(table)) {
          opening.result.createObjectStore(table, { keyPath: "id", autoIncrement: true });
        }
      }
    };
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const close = (then) => (value) => { database.close(); then(value); };
      task(database, close(resolve), close(reject));
    };
  });
}

function finish(transaction, done, failed) {
  transaction.oncomplete = () => done();
  transaction.onabort = () => failed(transaction.error);
}
