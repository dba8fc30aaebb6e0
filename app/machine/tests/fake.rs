//! The fake keeps the promises of the port, so that what is tested with it holds with a real machine.

use berth_machine::contract::{self, guest};
use berth_machine::fake::{FakeDriver, FakeGuest, GuestContext};
use berth_machine::{Channel, DataDisk, MachineSpec};
use std::fs::OpenOptions;
use std::io::{Read, Write};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn the_fake_keeps_the_contract() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = |name: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, b"x").expect("written");
        path
    };
    let spec = MachineSpec {
        kernel: file("vmlinux"),
        initramfs: file("initramfs"),
        initramfs_extra: vec![],
        cmdline: vec![],
        cpus: 1,
        memory_mib: 512,
        disk: DataDisk { path: dir.path().join("data.raw"), bytes: 1 << 20 },
        console_log: dir.path().join("console.log"),
        run_dir: dir.path().into(),
    };
    contract::check(&FakeDriver::new(contract_guest()), spec).await;
}

fn contract_guest() -> FakeGuest {
    FakeGuest::default()
        .listen(guest::ECHO, |channel, _| async move {
            let (mut from, mut to) = tokio::io::split(channel);
            drop(tokio::io::copy(&mut from, &mut to).await);
        })
        .listen(guest::SINK, |mut channel, _| async move {
            let mut bytes = vec![];
            if channel.read_to_end(&mut bytes).await.is_ok() {
                drop(channel.write_all(&guest::digest(&bytes)).await);
            }
        })
        .listen(guest::SOURCE, |mut channel, _| async move { drop(source(&mut channel).await) })
        .listen(guest::HANG_UP, |_, _| async {})
        .listen(guest::DISK, |mut channel, guest| async move { drop(disk(&mut channel, &guest).await) })
        .listen(guest::POWER_OFF, |_, guest| async move { guest.power_off() })
        .listen(guest::CRASH, |_, guest| async move { guest.crash("Kernel panic - not syncing") })
}

async fn source(channel: &mut Box<dyn Channel>) -> std::io::Result<()> {
    let mut request = [0; guest::SOURCE_REQUEST_LEN];
    channel.read_exact(&mut request).await?;
    let (total, chunk) = guest::read_source_request(&request);
    let mut bytes = vec![0; chunk as usize];
    let mut at = 0;
    while at < total {
        guest::pattern(at, &mut bytes);
        channel.write_all(&bytes).await?;
        at += u64::from(chunk);
    }
    Ok(())
}

async fn disk(channel: &mut Box<dyn Channel>, guest: &GuestContext) -> std::io::Result<()> {
    let mut command = vec![];
    channel.read_to_end(&mut command).await?;
    let mut file = OpenOptions::new().read(true).write(true).open(&guest.spec().disk.path)?;
    let answer = match command.split_first() {
        Some((b'w', bytes)) => {
            file.write_all(bytes)?;
            file.sync_all()?;
            b"k".to_vec()
        }
        Some((b'r', _)) => {
            let mut bytes = vec![0; 16];
            file.read_exact(&mut bytes)?;
            bytes
        }
        _ => file.metadata()?.len().to_be_bytes().to_vec(),
    };
    channel.write_all(&answer).await
}
