//! Builds a guest from the command line, while working on the recipe:
//! `cargo run -p guest-image --example build -- CACHE OUT AGENT ENGINE RUNTIME`

use std::path::PathBuf;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [cache, out, agent, engine, runtime, uplink] = arguments.as_slice() else {
        return Err("usage: build CACHE OUT AGENT ENGINE RUNTIME".into());
    };
    let recipe = guest_image::Recipe {
        arch: guest_image::Arch::Amd64,
        cache: cache.clone(),
        out: out.clone(),
        programs: guest_image::Programs {
            agent: agent.clone(),
            engine: engine.clone(),
            runtime: runtime.clone(),
            uplink: uplink.clone(),
        },
    };
    let start = Instant::now();
    let manifest =
        guest_image::build(&recipe, &mut |step| eprintln!("{:6.2} s  {step}", start.elapsed().as_secs_f64()))?;
    eprintln!("{:6.2} s  done", start.elapsed().as_secs_f64());
    println!("{}", serde_json::to_string_pretty(&manifest)?);
    Ok(())
}
