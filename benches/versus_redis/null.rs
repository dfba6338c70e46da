//! The null responder: a server that counts bytes and answers with bytes, in one thread. What it
//! takes is what sockets take, the floor under every server.

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

struct Client {
    stream: TcpStream,
    /// Bytes of a request that is not whole.
    had: usize,
    /// Replies that do not fit into the socket.
    out: Vec<u8>,
}

/// Serve until killed; the port is printed.
pub fn serve(request: usize, reply: usize) -> ! {
    let mut answer = vec![b'*'; reply];
    answer[reply - 2..].copy_from_slice(b"\r\n");
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    println!(
        "port {}",
        listener.local_addr().expect("its address").port()
    );
    let epoll = Epoll::new(EpollCreateFlags::empty()).expect("epoll");
    let event = EpollEvent::new(EpollFlags::EPOLLIN, u64::MAX);
    epoll.add(&listener, event).expect("watch");
    let mut clients: Vec<Option<Client>> = Vec::new();
    let (mut events, mut input) = ([EpollEvent::empty(); 64], vec![0; 128 << 10]);
    loop {
        let count = epoll.wait(&mut events, EpollTimeout::NONE).unwrap_or(0);
        for event in &events[..count] {
            if event.data() == u64::MAX {
                let (stream, _) = listener.accept().expect("a client");
                stream.set_nonblocking(true).expect("a setting");
                stream.set_nodelay(true).expect("a setting");
                let event = EpollEvent::new(EpollFlags::EPOLLIN, clients.len() as u64);
                epoll.add(&stream, event).expect("watch");
                clients.push(Some(Client {
                    stream,
                    had: 0,
                    out: Vec::new(),
                }));
                continue;
            }
            let slot = &mut clients[event.data() as usize];
            let Some(client) = slot else { continue };
            if !client.serve(&mut input, request, &answer) {
                *slot = None;
                continue;
            }
            let flags = match client.out.is_empty() {
                true => EpollFlags::EPOLLIN,
                false => EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT,
            };
            if event.events().contains(EpollFlags::EPOLLOUT) != (flags != EpollFlags::EPOLLIN) {
                let mut event = EpollEvent::new(flags, event.data());
                epoll.modify(&client.stream, &mut event).expect("watch");
            }
        }
    }
}

impl Client {
    /// False once it is gone.
    fn serve(&mut self, input: &mut [u8], request: usize, answer: &[u8]) -> bool {
        match self.stream.read(input) {
            Ok(0) => return false,
            Ok(read) => {
                self.had += read;
                for _ in 0..self.had / request {
                    self.out.extend_from_slice(answer);
                }
                self.had %= request;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
        match self.stream.write(&self.out) {
            Ok(written) => {
                self.out.drain(..written);
                true
            }
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }
}
