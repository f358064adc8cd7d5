//! The first words, over a pipe.

use super::super::handshake::{Handshake, Hello, HelloError, Refusal, Reply, common_wire};
use tokio::io::{AsyncWriteExt, duplex};

const MATERIAL: [u8; 40] = [5; 40];

fn hello() -> Hello {
    Hello { name: "a#1".into(), wanted: "b#1".into(), instance: 9, wire_oldest: 1, wire_newest: 2 }
}

/// Both parts at once: what the dialler learns, and what the acceptor heard.
async fn meet(
    dialler: Handshake,
    acceptor: Handshake,
    reply: Reply,
) -> (Result<u16, HelloError>, Result<Hello, HelloError>) {
    let (mut here, mut there) = duplex(4_096);
    let accept = async {
        let heard = acceptor.listen(&mut there).await;
        if heard.is_ok() {
            acceptor.reply(&mut there, &reply).await.unwrap();
        }
        heard
    };
    let introduction = hello();
    tokio::join!(dialler.introduce(&mut here, &introduction), accept)
}

#[tokio::test]
async fn those_who_know_the_secret_are_introduced() {
    let ours = Handshake::new(b"secret", &MATERIAL);
    let theirs = Handshake::new(b"secret", &MATERIAL);
    assert_eq!(ours.session(), theirs.session());
    let (learned, heard) = meet(ours, theirs, Reply::Welcome { wire: 2 }).await;
    assert_eq!((learned.unwrap(), heard.unwrap()), (2, hello()));
    let handshake = || Handshake::new(b"secret", &MATERIAL);
    let (learned, _) = meet(handshake(), handshake(), Reply::Refused(Refusal::Departed)).await;
    assert!(matches!(learned, Err(HelloError::Refused(Refusal::Departed))));
    let (learned, _) = meet(handshake(), handshake(), Reply::Welcome { wire: 3 }).await;
    assert!(matches!(learned, Err(HelloError::Garbled(_))), "a version that was not offered");
}

#[tokio::test]
async fn another_secret_and_another_connection_prove_nothing() {
    let other_connection = [6; 40];
    for (secret, material) in [(&b"guess"[..], MATERIAL), (b"secret", other_connection)] {
        let (learned, heard) =
            meet(Handshake::new(secret, &material), Handshake::new(b"secret", &MATERIAL), Reply::Welcome { wire: 2 })
                .await;
        assert!(matches!(learned, Err(HelloError::Refused(Refusal::WrongSecret))));
        assert!(matches!(heard, Err(HelloError::Refused(Refusal::WrongSecret))));
    }
}

#[tokio::test]
async fn ones_own_words_given_back_prove_nothing() {
    let (mut here, mut mirror) = duplex(4_096);
    let handshake = Handshake::new(b"secret", &MATERIAL);
    let reflect = async {
        let (mut read, mut write) = tokio::io::split(&mut mirror);
        let _ = tokio::io::copy(&mut read, &mut write).await;
    };
    let introduction = hello();
    tokio::select! {
        learned = handshake.introduce(&mut here, &introduction) => {
            assert!(matches!(learned, Err(HelloError::Refused(Refusal::WrongSecret))));
        }
        () = reflect => unreachable!("the mirror reflects as long as somebody looks"),
    }
}

#[tokio::test]
async fn garbage_is_said_to_be_garbage() {
    let too_long = [&b"TSL1"[..], &[0xff, 0xff]].concat();
    for garbage in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], &too_long] {
        let (mut here, mut there) = duplex(4_096);
        here.write_all(garbage).await.unwrap();
        let heard = Handshake::new(b"secret", &MATERIAL).listen(&mut there).await;
        assert!(matches!(heard, Err(HelloError::Garbled(_))));
    }
}

#[test]
fn the_newest_common_version_is_spoken() {
    assert_eq!(common_wire((1, 2), (1, 2)), Ok(2));
    assert_eq!(common_wire((1, 2), (1, 1)), Ok(1));
    assert_eq!(common_wire((2, 3), (1, 2)), Ok(2));
    let refused = Err(Refusal::IncompatibleWire { oldest: 1, newest: 2 });
    assert_eq!(common_wire((1, 2), (3, 4)), refused);
    assert_eq!(common_wire((3, 4), (1, 2)), Err(Refusal::IncompatibleWire { oldest: 3, newest: 4 }));
}
