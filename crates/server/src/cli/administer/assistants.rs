//! `latimer assistants`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{ArgGroup, Subcommand};
use http::Method;

use super::{Reach, list};
use crate::admin::assistants::wire;

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// List all assistants: id, id as a bot, name, model, for whom, projects that they read
    List,
    /// Make an assistant that everyone may ask
    Create {
        /// What people call it
        name: String,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
        /// What the model is told before everything else
        #[arg(long, conflicts_with = "instructions_file")]
        instructions: Option<String>,
        /// A file with what the model is told
        #[arg(long, value_name = "FILE")]
        instructions_file: Option<PathBuf>,
        /// The model that answers [default: the server's]
        #[arg(long)]
        model: Option<String>,
        /// How freely it answers, 0 to 2
        #[arg(long)]
        temperature: Option<f32>,
        /// Whether everyone who is signed in may ask it [default: true]
        #[arg(long, value_name = "BOOL")]
        global: Option<bool>,
        /// A project whose documents its answers rest on; may be repeated
        #[arg(long, value_name = "PROJECT")]
        knowledge: Option<Vec<String>>,
    },
    /// Change an assistant; what is not said stays
    #[command(group = ArgGroup::new("change").required(true).multiple(true))]
    Change {
        /// The assistant's id, or its id as a bot
        assistant: String,
        /// What people call it
        #[arg(long, group = "change")]
        name: Option<String>,
        /// What it is for
        #[arg(long, group = "change")]
        description: Option<String>,
        /// What the model is told before everything else
        #[arg(long, group = "change", conflicts_with = "instructions_file")]
        instructions: Option<String>,
        /// A file with what the model is told
        #[arg(long, value_name = "FILE", group = "change")]
        instructions_file: Option<PathBuf>,
        /// The model that answers; empty for the server's
        #[arg(long, group = "change")]
        model: Option<String>,
        /// How freely it answers, 0 to 2
        #[arg(long, group = "change")]
        temperature: Option<f32>,
        /// Whether everyone who is signed in may ask it
        #[arg(long, value_name = "BOOL", group = "change")]
        global: Option<bool>,
        /// A project whose documents its answers rest on from now on; may be repeated, empty for none
        #[arg(long, value_name = "PROJECT", group = "change")]
        knowledge: Option<Vec<String>>,
    },
    /// Delete an assistant; conversations that were had with it stay
    Delete {
        /// The assistant's id, or its id as a bot
        assistant: String,
    },
}

pub(super) async fn run(reach: &Reach, task: Task) -> anyhow::Result<()> {
    match task {
        Task::List => reach.get::<Vec<wire::Assistant>>(&["assistants"]).await?.iter().for_each(print),
        Task::Create {
            name,
            description,
            instructions,
            instructions_file,
            model,
            temperature,
            global,
            knowledge,
        } => {
            let instructions = told(instructions, instructions_file.as_deref())?;
            let new =
                wire::NewAssistant { name, description, instructions, model, temperature, global, knowledge };
            print(&reach.send(Method::POST, &["assistants"], &new).await?);
        }
        Task::Change {
            assistant,
            name,
            description,
            instructions,
            instructions_file,
            model,
            temperature,
            global,
            knowledge,
        } => {
            // An empty name takes all away, as for the model.
            let knowledge =
                knowledge.map(|names| names.into_iter().filter(|name| !name.is_empty()).collect());
            let instructions = told(instructions, instructions_file.as_deref())?;
            let patch = wire::AssistantPatch {
                name,
                description,
                instructions,
                model,
                temperature,
                global,
                knowledge,
            };
            print(&reach.send(Method::PATCH, &["assistants", &assistant], &patch).await?);
        }
        Task::Delete { assistant } => {
            let is_deleted = reach.delete(&["assistants", &assistant]).await?;
            anyhow::ensure!(is_deleted, "there is no assistant {assistant}");
            println!("deleted {assistant}");
        }
    }
    Ok(())
}

fn told(text: Option<String>, file: Option<&Path>) -> anyhow::Result<Option<String>> {
    match file {
        Some(file) => {
            let text = std::fs::read_to_string(file);
            Ok(Some(text.with_context(|| format!("cannot read {}", file.display()))?))
        }
        None => Ok(text),
    }
}

fn print(assistant: &wire::Assistant) {
    let wire::Assistant { id, bot_id, name, .. } = assistant;
    let model = assistant.model.as_deref().unwrap_or("-");
    let for_whom = if assistant.global { "everyone" } else { "some" };
    let knowledge = list(assistant.knowledge.iter().map(|project| &project.name));
    println!("{id}\t{bot_id}\t{name}\t{model}\t{for_whom}\t{knowledge}");
}
