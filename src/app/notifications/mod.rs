//! The caller's notifications.

mod list_notifications;
mod mark_notifications_read;
mod service;

pub use list_notifications::{NotificationPage, NotificationView};
pub use service::Notifications;
pub use tessera_ports::ledger::NotificationPosition;
