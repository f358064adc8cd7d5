//! Free TCP ports that stay free for their holder.

use std::{
    fs::File,
    net::{Ipv4Addr, TcpListener},
};

/// Below the range that the kernel takes the ports of outgoing connections from (32768 and up): nobody takes a port
/// away by chance while its server is down.
const RANGE: std::ops::Range<u16> = 10_000..32_000;

/// A free TCP port, reserved among all test processes of this machine until it is dropped.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// Locked for as long as the port is held.
    _reservation: File,
}

impl Port {
    /// Reserves a free port.
    pub fn free() -> Self {
        let folder = std::env::temp_dir().join("tessera-test-ports");
        std::fs::create_dir_all(&folder).expect("a folder for reservations");
        for _ in 0..1_000 {
            let number = rand::random_range(RANGE);
            let file = File::create(folder.join(number.to_string())).expect("a reservation's file");
            let unused = || TcpListener::bind((Ipv4Addr::UNSPECIFIED, number)).is_ok();
            if file.try_lock().is_ok() && unused() {
                return Self { number, _reservation: file };
            }
        }
        panic!("no free port");
    }

    pub fn number(&self) -> u16 {
        self.number
    }
}
