//! PID 1 of the guest that real machines are tested with: loads the modules in `/modules` in the order of their names
//! and offers the services of `berth_machine::contract::guest`. It is linked statically and is the initramfs's
//! `/init`, made by `cargo xtask test machine`.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn main() {
    guest::run();
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn main() {}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod guest {
    use berth_machine::contract::guest::{
        CRASH, DISCARD, DISK, ECHO, FLOOD, HANG_UP, POWER_OFF, SINK, SOURCE, SOURCE_REQUEST_LEN, pattern,
        read_source_request,
    };
    use nix::kmod::{ModuleInitFlags, finit_module};
    use nix::mount::{MsFlags, mount};
    use nix::sys::reboot::{RebootMode, reboot};
    use sha2::{Digest, Sha256};
    use std::fs::{self, File, OpenOptions};
    use std::io::{self, Read, Seek, Write};
    use std::net::Shutdown;
    use std::thread;
    use vsock::{VMADDR_CID_ANY, VsockListener, VsockStream};

    type Service = fn(VsockStream) -> io::Result<()>;

    pub(super) fn run() -> ! {
        // The last line on the console is what a crash is explained with.
        if let Err(error) = start() {
            println!("test-guest: {error}");
        }
        loop {
            thread::park();
        }
    }

    fn start() -> io::Result<()> {
        for (kind, place) in [("devtmpfs", "/dev"), ("proc", "/proc"), ("sysfs", "/sys")] {
            mount(Some(kind), place, Some(kind), MsFlags::empty(), None::<&str>)?;
        }
        let mut modules: Vec<_> =
            fs::read_dir("/modules")?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        modules.sort();
        for module in modules {
            finit_module(File::open(&module)?, c"", ModuleInitFlags::empty())
                .map_err(|error| io::Error::other(format!("{}: {error}", module.display())))?;
        }
        let services: [(u32, Service); 9] = [
            (ECHO, echo),
            (SINK, sink),
            (SOURCE, source),
            (DISCARD, discard),
            (FLOOD, flood),
            (HANG_UP, |_| Ok(())),
            (DISK, disk),
            (POWER_OFF, power_off),
            (CRASH, crash),
        ];
        for (port, service) in services {
            let listener = VsockListener::bind_with_cid_port(VMADDR_CID_ANY, port)?;
            thread::spawn(move || accept(&listener, service));
        }
        println!("test-guest: up");
        Ok(())
    }

    fn accept(listener: &VsockListener, service: Service) {
        for stream in listener.incoming().flatten() {
            thread::Builder::new()
                .stack_size(256 << 10)
                .spawn(move || service(stream))
                .map_or_else(|error| println!("test-guest: no thread for a connection: {error}"), drop);
        }
    }

    fn echo(mut stream: VsockStream) -> io::Result<()> {
        let mut buffer = vec![0; 64 << 10];
        loop {
            match stream.read(&mut buffer)? {
                0 => return stream.shutdown(Shutdown::Write),
                got => stream.write_all(&buffer[..got])?,
            }
        }
    }

    fn sink(mut stream: VsockStream) -> io::Result<()> {
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 128 << 10];
        loop {
            match stream.read(&mut buffer)? {
                0 => break,
                got => digest.update(&buffer[..got]),
            }
        }
        stream.write_all(&digest.finalize())
    }

    fn source(mut stream: VsockStream) -> io::Result<()> {
        let mut request = [0; SOURCE_REQUEST_LEN];
        stream.read_exact(&mut request)?;
        let (total, chunk) = read_source_request(&request);
        let mut buffer = vec![0; chunk as usize];
        let mut at = 0;
        while at < total {
            let part = usize::try_from(total - at).unwrap_or(usize::MAX).min(buffer.len());
            pattern(at, &mut buffer[..part]);
            stream.write_all(&buffer[..part])?;
            at += part as u64;
        }
        Ok(())
    }

    fn discard(mut stream: VsockStream) -> io::Result<()> {
        let mut buffer = vec![0; 256 << 10];
        let mut total = 0;
        loop {
            match stream.read(&mut buffer)? {
                0 => break,
                got => total += got as u64,
            }
        }
        stream.write_all(&total.to_be_bytes())
    }

    fn flood(mut stream: VsockStream) -> io::Result<()> {
        let mut request = [0; SOURCE_REQUEST_LEN];
        stream.read_exact(&mut request)?;
        let (total, chunk) = read_source_request(&request);
        let buffer = vec![7; chunk as usize];
        for _ in 0..total / u64::from(chunk) {
            stream.write_all(&buffer)?;
        }
        Ok(())
    }

    fn disk(mut stream: VsockStream) -> io::Result<()> {
        let mut command = vec![];
        stream.read_to_end(&mut command)?;
        let mut disk = OpenOptions::new().read(true).write(true).open("/dev/vda")?;
        let answer = match command.split_first() {
            Some((b'w', bytes)) => {
                disk.write_all(bytes)?;
                disk.sync_all()?;
                b"k".to_vec()
            }
            Some((b'r', _)) => {
                let mut bytes = vec![0; 16];
                disk.read_exact(&mut bytes)?;
                bytes
            }
            _ => disk.seek(io::SeekFrom::End(0))?.to_be_bytes().to_vec(),
        };
        stream.write_all(&answer)
    }

    fn power_off(_: VsockStream) -> io::Result<()> {
        match reboot(RebootMode::RB_POWER_OFF)? {}
    }

    fn crash(_: VsockStream) -> io::Result<()> {
        println!("test-guest: about to crash");
        fs::write("/proc/sysrq-trigger", "c")
    }
}
