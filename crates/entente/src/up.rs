//! `entente up`: the whole mesh on this machine until it is told to stop.

mod next_steps;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    cli::Up,
    exit::{Failure, UNAVAILABLE},
    mesh::{self, Mesh, MeshOptions},
    output,
};

/// Runs the command.
pub(crate) async fn run(arguments: Up) -> Result<(), Failure> {
    let mut stop = Stop::listen()?;
    let json = arguments.json;
    if !(0.0..=1.0).contains(&arguments.trace_ratio) {
        return Err(Failure::usage("--trace-ratio is a share from 0 to 1"));
    }
    let options = MeshOptions {
        data: arguments.data.clone(),
        listen: arguments.listen,
        telemetry: mesh::telemetry("warn", arguments.trace_ratio),
    };
    let mesh = Mesh::start(options, |service, address| {
        if !json {
            println!("{:<9} listens on {address}", service.name());
        }
    })
    .await?;
    if json {
        output::json_line(&mesh.endpoints()?.to_value()?);
    } else {
        next_steps::print(&arguments, mesh.data());
    }
    stop.asked().await;
    eprintln!("stopping: calls are finished, records are written; once more stops at once");
    tokio::select! {
        () = mesh.stop() => Ok(()),
        () = stop.asked() => Err(Failure::new(UNAVAILABLE, "stopped at once; the stores are whole")),
    }
}

/// SIGINT and SIGTERM.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn listen() -> Result<Stop, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::internal(format!("signals: {error}")));
        Ok(Stop { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
