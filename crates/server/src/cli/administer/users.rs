//! `latimer users`.

use clap::{ArgGroup, Subcommand};
use http::Method;

use super::{Limit, Reach, disabled, list, read_password, state};
use crate::admin::wire;

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// List everybody: id, name to sign in as, kind, roles, full name, e-mail address, state, how many messages may be sent
    /// in thirty days, how many were
    List,
    /// Add somebody who signs in by a password: a random one, printed once, unless it is given; prints id, name, password
    Add {
        /// What to sign in as
        username: String,
        /// The full name
        #[arg(long)]
        name: Option<String>,
        /// The e-mail address
        #[arg(long)]
        email: Option<String>,
        /// What the user may be; may be repeated [default: developer]
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<wire::Role>,
        /// A guest of the organisation
        #[arg(long)]
        external: bool,
        /// Take the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
        /// How many messages the user may send in thirty days [default: none of its own]
        #[arg(long, value_name = "N|none")]
        limit: Option<Limit>,
    },
    /// Change a user, shut one out, or let one in again; what is not said stays
    #[command(group = ArgGroup::new("change").required(true).multiple(true))]
    Change {
        /// The user's name or id
        user: String,
        /// The full name
        #[arg(long, group = "change")]
        name: Option<String>,
        /// The e-mail address
        #[arg(long, group = "change")]
        email: Option<String>,
        /// What the user may be, instead of what it is; may be repeated
        #[arg(long = "role", value_name = "ROLE", group = "change")]
        roles: Vec<wire::Role>,
        /// Take all roles away
        #[arg(long, group = "change", conflicts_with = "roles")]
        no_roles: bool,
        /// Whether the user is a guest of the organisation
        #[arg(long, value_name = "BOOL", group = "change")]
        external: Option<bool>,
        /// Shut the user out: sign-ins and tokens end, keys rest
        #[arg(long, group = "change", conflicts_with = "enable")]
        disable: bool,
        /// Let the user in again
        #[arg(long, group = "change")]
        enable: bool,
        /// How many messages the user may send in thirty days
        #[arg(long, value_name = "N|none", group = "change")]
        limit: Option<Limit>,
    },
    /// Set a password: a random one, printed once, unless it is given
    Password {
        /// The user's name or id
        user: String,
        /// Take the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Delete a user: sign-ins, tokens and keys end, the name is free
    Delete {
        /// The user's name or id
        user: String,
    },
}

pub(super) async fn run(reach: &Reach, task: Task) -> anyhow::Result<()> {
    match task {
        Task::List => reach.get::<Vec<wire::User>>(&["users"]).await?.iter().for_each(print),
        Task::Add { username, name, email, roles, external, password_stdin, limit } => {
            let roles = (!roles.is_empty()).then_some(roles);
            let password = read_password(password_stdin)?;
            let (external, message_limit) = (Some(external), limit.and_then(|limit| limit.0));
            let new = wire::NewUser { username, name, email, roles, external, password, message_limit };
            let added: wire::AddedUser = reach.send(Method::POST, &["users"], &new).await?;
            let wire::User { id, username, .. } = &added.user;
            match added.password {
                Some(password) => {
                    println!("{id}\t{username}\t{}", password.expose());
                    eprintln!("the password is not shown again");
                }
                None => println!("{id}\t{username}"),
            }
        }
        Task::Change { user, name, email, roles, no_roles, external, disable, enable, limit } => {
            let roles = (no_roles || !roles.is_empty()).then_some(roles);
            let disabled = disabled(enable, disable);
            let message_limit = limit.map(|limit| limit.0);
            let change = wire::UserChange { name, email, roles, external, disabled, message_limit };
            print(&reach.send(Method::PATCH, &["users", &user], &change).await?);
        }
        Task::Password { user, password_stdin } => {
            let asked = wire::Password { password: read_password(password_stdin)? };
            let set: wire::Password = reach.send(Method::PUT, &["users", &user, "password"], &asked).await?;
            if let Some(password) = set.password {
                println!("{}", password.expose());
            }
            eprintln!("the password of {user} is set; sign-ins and tokens have ended");
        }
        Task::Delete { user } => {
            anyhow::ensure!(reach.delete(&["users", &user]).await?, "there is no user {user}");
            println!("deleted {user}");
        }
    }
    Ok(())
}

fn print(user: &wire::User) {
    let wire::User { id, username, kind, name, email, .. } = user;
    let (roles, state) = (list(&user.roles), state(user.disabled_at.as_deref()));
    let (limit, messages) = (list(user.message_limit), user.messages_used);
    println!("{id}\t{username}\t{kind}\t{roles}\t{name}\t{email}\t{state}\t{limit}\t{messages}");
}
