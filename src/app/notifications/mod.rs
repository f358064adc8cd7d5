//! The caller's notifications.

mod list_notifications;
mod mark_notifications_read;

pub use list_notifications::{NotificationPage, NotificationView};
pub use tessera_ports::ledger::NotificationPosition;
