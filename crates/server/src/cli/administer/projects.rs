//! `latimer projects`.

use clap::Subcommand;
use http::Method;

use super::Reach;
use crate::admin::wire;

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// List all projects with members: id, name, when it was made
    List,
    /// Make a project, if there is none of that name
    Create {
        /// Its name
        name: String,
    },
    /// List who is in a project: account's id, name, `admin` or `member`, given by whom
    Members {
        /// The project's name or id
        project: String,
    },
    /// Add a member, or change whether it administers the project
    AddMember {
        /// The project's name or id
        project: String,
        /// The user's name or id
        user: String,
        /// May change the project
        #[arg(long)]
        admin: bool,
    },
    /// Take a membership back
    RemoveMember {
        /// The project's name or id
        project: String,
        /// The user's name or id
        user: String,
    },
}

pub(super) async fn run(reach: &Reach, task: Task) -> anyhow::Result<()> {
    match task {
        Task::List => reach.get::<Vec<wire::Project>>(&["projects"]).await?.iter().for_each(print),
        Task::Create { name } => {
            print(&reach.send(Method::POST, &["projects"], &wire::NewProject { name }).await?);
        }
        Task::Members { project } => {
            let members: Vec<wire::Member> = reach.get(&["projects", &project, "members"]).await?;
            for member in members {
                let rank = if member.admin { "admin" } else { "member" };
                let given = if member.by_claim { "claims" } else { "administration" };
                println!("{}\t{}\t{rank}\t{given}", member.id, member.name);
            }
        }
        Task::AddMember { project, user, admin } => {
            let membership = wire::Membership { admin: Some(admin) };
            let path = ["projects", &project, "members", &user];
            reach.send::<()>(Method::PUT, &path, &membership).await?;
            println!("added {user}");
        }
        Task::RemoveMember { project, user } => {
            let path = ["projects", &project, "members", &user];
            anyhow::ensure!(
                reach.delete(&path).await?,
                "{user} is not a member of {project} by administration"
            );
            println!("removed {user}");
        }
    }
    Ok(())
}

fn print(project: &wire::Project) {
    println!("{}\t{}\t{}", project.id, project.name, project.created_at);
}
