// Shows messages of the town. It keeps nothing, and what it shows names nobody: a locked screen is read by others.
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("push", (event) => {
  const { title, tag, open } = event.data.json();
  event.waitUntil(self.registration.showNotification(title, { tag, data: { open } }));
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data.open));
});
