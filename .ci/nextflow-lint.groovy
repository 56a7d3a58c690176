// What `nextflow lint` checks, by its own parsers: its printing fails with the nf-lang that Maven Central has (25.04.0).
// Run by .ci/nextflow-lint FILE ... One line for each error and warning; exit code 1 where there was one.
import nextflow.config.control.ConfigParser
import nextflow.script.control.ParanoidWarning
import nextflow.script.control.ScriptParser
import org.codehaus.groovy.control.messages.SyntaxErrorMessage

def scripts = new ScriptParser()
def configs = new ConfigParser()
args.each { name -> (name.endsWith('.config') ? configs : scripts).parse(new File(name)) }
scripts.analyze()
configs.analyze()

def findings = []
[scripts, configs].each { parser ->
    parser.compiler().sources.values().each { source ->
        (source.errorCollector.errors ?: []).each { message ->
            findings << (message instanceof SyntaxErrorMessage ? "${source.name}:${message.cause.startLine}: ${message.cause.originalMessage}" : "${source.name}: ${message}")
        }
        (source.errorCollector.warnings ?: []).findAll { warning -> !(warning instanceof ParanoidWarning) }.each { warning ->
            findings << "${source.name}:${warning.context.startLine}: warning: ${warning.message}"
        }
    }
}
// A directive's closure in a configuration sees the process's inputs, which this parser does not know.
findings.removeAll { finding -> finding ==~ /.*\.config:.*`meta` is not defined/ }
findings.unique().sort().each { finding -> println(finding) }
println("${args.size()} files, ${findings.size()} findings")
System.exit(findings ? 1 : 0)
