//! Names as a test has them: each leads where the test says, and elsewhere the next time if it says so.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A book of names. What is not in it leads nowhere.
#[derive(Debug, Default)]
pub struct Names(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    answers: HashMap<String, VecDeque<Vec<SocketAddr>>>,
    asked: Vec<String>,
}

impl Names {
    /// `name` leads to these addresses; to those of the next call when it is asked for again. The last answer stays. A port
    /// other than 0 is taken by addresses that name none.
    pub fn lead(&self, name: &str, to: &[SocketAddr]) {
        self.book().answers.entry(name.to_owned()).or_default().push_back(to.to_vec());
    }

    /// Every name that was asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.book().asked.clone()
    }

    fn answer(&self, name: &str) -> Option<Vec<SocketAddr>> {
        let mut book = self.book();
        book.asked.push(name.to_owned());
        let answers = book.answers.get_mut(name)?;
        if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let answer =
            self.answer(name.as_str()).ok_or_else(|| format!("there is no {}", name.as_str()).into());
        Box::pin(std::future::ready(answer.map(|addresses| Box::new(addresses.into_iter()) as Addrs)))
    }
}
