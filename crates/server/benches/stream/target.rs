//! The servers under test: each a process of its own on the first core, watched through `/proc`.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use crate::client::Dialect;

const PATIENCE: Duration = Duration::from_secs(20);

/// A running server, or the upstream itself. Dropping it ends the process.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) dialect: Dialect,
    process: Option<Child>,
}

/// What a process has used up to now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    pub(crate) resident: u64,
}

/// The core of the servers, and the core of the mock upstream and the load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    server: u32,
    load: u32,
}

impl Cores {
    /// The first two that this process may use.
    pub(crate) fn choose() -> anyhow::Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let mut cores = Vec::new();
        for range in list.context("no list of cores")?.trim().split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            cores.extend(first.parse::<u32>()?..=last.parse()?);
        }
        match cores[..] {
            [server, load, ..] => Ok(Self { server, load }),
            _ => bail!("a second core is needed, for the load must not disturb the server"),
        }
    }

    /// Pins this process, and with it the mock upstream and the load, before any thread is started.
    pub(crate) fn pin_load(self) -> anyhow::Result<()> {
        let (core, own) = (self.load.to_string(), std::process::id().to_string());
        let pinned = Command::new("taskset").args(["-p", "-c", &core, &own]).stdout(Stdio::null()).status();
        ensure!(
            pinned.context("taskset (of util-linux, as is setpriv) is needed")?.success(),
            "the load can't be pinned"
        );
        Ok(())
    }
}

impl Target {
    /// The upstream without anything before it.
    pub(crate) fn direct(address: SocketAddr) -> Self {
        Self { name: "direct", address, dialect: Dialect::OpenAi, process: None }
    }

    /// nginx as a plain proxy; `None` if it is not installed.
    pub(crate) fn nginx(cores: Cores, dir: &Path, upstream: SocketAddr) -> anyhow::Result<Option<Self>> {
        let installed = Command::new("nginx").arg("-v").stderr(Stdio::null()).status();
        if !installed.is_ok_and(|status| status.success()) {
            return Ok(None);
        }
        let address = free_address()?;
        fs::create_dir(dir)?;
        let file = dir.join("nginx.conf");
        fs::write(&file, nginx_conf(dir, address, upstream))?;
        let mut command = Command::new("nginx");
        command.arg("-p").arg(dir).arg("-e").arg(dir.join("error.log")).arg("-c").arg(&file);
        Self::start(cores, "nginx", &command, address, Dialect::OpenAi, dir).map(Some)
    }

    /// The program as it is installed.
    pub(crate) fn latimer(cores: Cores, dir: &Path, upstream: SocketAddr) -> anyhow::Result<Self> {
        let (config, address) = latimer_toml(dir, upstream)?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_latimer"));
        command.arg("serve").arg("--config").arg(config);
        Self::start(cores, "Latimer", &command, address, Dialect::Codmir, dir)
    }

    /// The same server over a store that keeps nothing.
    pub(crate) fn without_store(cores: Cores, dir: &Path, upstream: SocketAddr) -> anyhow::Result<Self> {
        let (config, address) = latimer_toml(dir, upstream)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--serve-without-store").arg(config);
        Self::start(cores, "without a store", &command, address, Dialect::Codmir, dir)
    }

    fn start(
        cores: Cores,
        name: &'static str,
        command: &Command,
        address: SocketAddr,
        dialect: Dialect,
        dir: &Path,
    ) -> anyhow::Result<Self> {
        let log = fs::File::create(dir.join("log"))?;
        // It ends with us, even if we are killed.
        let mut pinned = Command::new("setpriv");
        pinned
            .args(["--pdeathsig", "KILL", "taskset", "-c", &cores.server.to_string()])
            .arg(command.get_program())
            .args(command.get_args());
        let process = pinned.stdout(log.try_clone()?).stderr(log).spawn().with_context(|| name)?;
        let target = Self { name, address, dialect, process: Some(process) };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            let said = || fs::read_to_string(dir.join("log")).unwrap_or_default();
            ensure!(begun.elapsed() < PATIENCE, "{name} does not listen: {}", said());
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(target)
    }

    /// The server's process.
    pub(crate) fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// The time that all its threads were on the core, and its resident memory. Nothing for the upstream itself, which
    /// is part of this process.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        let Some(process) = self.process_id() else { return Ok(Usage { cpu: Duration::ZERO, resident: 0 }) };
        let proc = PathBuf::from(format!("/proc/{process}"));
        let mut nanoseconds = 0;
        for thread in fs::read_dir(proc.join("task"))? {
            // A thread may end while it is looked at.
            let Ok(schedstat) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            nanoseconds += schedstat.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
        let status = fs::read_to_string(proc.join("status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kibibytes: u64 = resident.trim().trim_end_matches(" kB").parse()?;
        Ok(Usage { cpu: Duration::from_nanos(nanoseconds), resident: kibibytes * 1024 })
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // It may have ended by itself.
            let _ended = process.kill();
            let _code = process.wait();
        }
    }
}

/// A port that is free now; nginx can't say which one it took.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// `master_process off` makes the worker the process that was started; the worker's code is the same.
fn nginx_conf(dir: &Path, address: SocketAddr, upstream: SocketAddr) -> String {
    let dir = dir.display();
    format!(
        "daemon off; master_process off; worker_processes 1; pid {dir}/pid; error_log {dir}/error.log warn;
events {{ worker_connections 16384; }}
http {{
  access_log off; tcp_nodelay on; keepalive_requests 1000000;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  upstream mock {{ server {upstream}; keepalive 4096; keepalive_requests 1000000; }}
  server {{
    listen {address} backlog=4096;
    location / {{
      proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection \"\";
      proxy_buffering off; proxy_read_timeout 300s;
    }}
  }}
}}
"
    )
}

fn latimer_toml(dir: &Path, upstream: SocketAddr) -> anyhow::Result<(PathBuf, SocketAddr)> {
    let address = free_address()?;
    fs::create_dir_all(dir.join("data"))?;
    let file = dir.join("latimer.toml");
    let dir = dir.display();
    let settings = format!(
        "data_dir = '{dir}/data'
model_dir = '{dir}/no-models'
[server]
listen = ['{address}']
worker_threads = 1
[providers.openai]
kind = 'openai'
base_url = 'http://{upstream}/v1'
models = ['*']
"
    );
    fs::write(&file, settings)?;
    Ok((file, address))
}
