// The samplesheet: what it says, or one message with the line at fault. Knows no process.

// Columns that must be there, and those that may.
def requiredColumns() { ['sample', 'vcf', 'reads'] }
def optionalColumns() { ['vcf_index', 'reads_index', 'sample_map', 'background'] }

// [meta, vcf, vcf_index, [reads], [reads_index], sample_map, [background], [background_index]] of each sample, in the order of the
// samplesheet. Lines of one sample add up: one call set, the reads and the background of all lines.
def readSamplesheet(path) {
    if (!path) {
        error("No samplesheet. Give one with --input: a CSV with the columns ${requiredColumns().join(', ')}")
    }
    def sheet = file(path)
    if (!sheet.exists()) {
        error("${path}: no such samplesheet")
    }
    def rows = samplesheetRows(sheet)
    if (!rows) {
        error("${path}: no samples. One line for each BAM: ${requiredColumns().join(',')}")
    }
    return rows.groupBy { row -> row.sample }.collect { sample, lines -> sampleOfLines(sample, lines) }
}

def samplesheetRows(sheet) {
    def separator = sheet.name.endsWith('.tsv') || sheet.name.endsWith('.txt') ? '\t' : ','
    def text = sheet.getText('UTF-8')
    if (text.contains('\u0000')) {
        error("${sheet}: not a text file")
    }
    def lines = text.replaceFirst('^\uFEFF', '').split('\r\n|\r|\n', -1).toList()
    def header = fields(lines[0], separator)
    checkHeader(sheet, header)
    def rows = []
    lines.eachWithIndex { line, index ->
        def number = index + 1
        if (index > 0 && line.trim()) {
            def values = fields(line, separator)
            if (values.size() != header.size()) {
                error("${sheet}, line ${number}: ${values.size()} fields, but the header has ${header.size()}: ${header.join(separator)}")
            }
            rows << rowOfValues(sheet, number, [header, values].transpose().collectEntries())
        }
    }
    return rows
}

// Of a line; a field may stand in double quotes.
def fields(line, separator) {
    def found = []
    def field = new StringBuilder()
    def quoted = false
    line.each { letter ->
        if (letter == '"') {
            quoted = !quoted
        }
        else if (letter == separator && !quoted) {
            found << field.toString().trim()
            field.length = 0
        }
        else {
            field << letter
        }
    }
    found << field.toString().trim()
    return found
}

def checkHeader(sheet, header) {
    def known = requiredColumns() + optionalColumns()
    def missing = requiredColumns() - header
    def unknown = header - known
    if (missing) {
        error("${sheet}, line 1: no column ${missing.collect { name -> "'${name}'" }.join(', ')}. The first line names the columns: ${known.join(', ')}")
    }
    if (unknown) {
        error("${sheet}, line 1: unknown column ${unknown.collect { name -> "'${name}'" }.join(', ')}. Columns are: ${known.join(', ')}")
    }
    if (header.size() != header.toUnique().size()) {
        error("${sheet}, line 1: a column is named twice: ${header.join(', ')}")
    }
}

def rowOfValues(sheet, number, row) {
    def where = "${sheet}, line ${number}"
    requiredColumns().each { name ->
        if (!row[name]) {
            error("${where}: '${name}' is empty")
        }
    }
    // It becomes part of file names and of commands.
    if (!(row.sample ==~ /[A-Za-z0-9][A-Za-z0-9._+-]*/)) {
        error("${where}: the sample '${row.sample}' becomes part of file names: letters, digits and . _ + - only, a letter or a digit first")
    }
    def vcf = existingFile(where, sheet, row.vcf)
    def reads = existingFile(where, sheet, row.reads)
    if (!(vcf.name ==~ /.+\.(vcf|vcf\.gz|vcf\.bgz|bcf)/)) {
        error("${where}: ${row.vcf}: 'vcf' takes .vcf, .vcf.gz and .bcf")
    }
    if (!(reads.name ==~ /.+\.(bam|cram)/)) {
        error("${where}: ${row.reads}: 'reads' takes .bam and .cram")
    }
    def index = row.reads_index ? existingFile(where, sheet, row.reads_index) : indexOfReads(where, reads)
    return [
        where: where,
        sample: row.sample,
        vcf: vcf,
        vcf_index: row.vcf_index ? existingFile(where, sheet, row.vcf_index) : besides(vcf, ['.tbi', '.csi']),
        reads: reads,
        reads_index: index,
        sample_map: row.sample_map ? existingFile(where, sheet, row.sample_map) : [],
        background: backgroundFiles(where, sheet, row.background),
    ]
}

// Several in one field, apart by semicolons; each has its index beside it.
def backgroundFiles(where, sheet, names) {
    return (names ?: '').tokenize(';').collect { name -> name.trim() }.findAll { name -> name }.collect { name ->
        def others = existingFile(where, sheet, name)
        if (!(others.name ==~ /.+\.(bam|cram)/)) {
            error("${where}: ${name}: 'background' takes .bam and .cram, several with ; between them")
        }
        return [others, indexOfReads(where, others)]
    }
}

// Relative names are taken from the samplesheet's folder.
def existingFile(where, sheet, name) {
    if (name.contains('*') || name.contains('?') || name.contains('{')) {
        error("${where}: ${name}: one file by its name, no pattern")
    }
    def path = name.startsWith('/') || name.contains('://') ? file(name) : file(sheet.toUriString().replaceFirst('[^/]*$', '') + name)
    if (!path.exists()) {
        error("${where}: ${name}: no such file")
    }
    if (path.isDirectory()) {
        error("${where}: ${name}: a folder, not a file")
    }
    return path
}

def indexOfReads(where, reads) {
    def stem = reads.name.replaceFirst(/\.(bam|cram)$/, '')
    def found = reads.name.endsWith('.cram')
        ? besides(reads, ['.crai']) ?: besides(reads.resolveSibling(stem), ['.crai'])
        : besides(reads, ['.bai', '.csi']) ?: besides(reads.resolveSibling(stem), ['.bai'])
    if (!found) {
        error("${where}: ${reads.name} has no index beside it. Index it with: samtools index ${reads.name}")
    }
    return found
}

// The first file that is there with one of the endings; an empty list where there is none.
def besides(path, endings) {
    def found = endings.collect { ending -> path.resolveSibling(path.name + ending) }.find { candidate -> candidate.exists() }
    return found ?: []
}

def sampleOfLines(sample, lines) {
    def first = lines[0]
    lines.each { line ->
        if (line.vcf != first.vcf) {
            error("${line.where}: sample '${sample}' has another call set than before: ${line.vcf.name}, not ${first.vcf.name}. Name them apart")
        }
        if (line.sample_map != first.sample_map) {
            error("${line.where}: sample '${sample}' has another sample map than before")
        }
    }
    def twice = lines.groupBy { line -> line.reads }.values().find { same -> same.size() > 1 }
    if (twice) {
        error("${twice[1].where}: sample '${sample}' has these reads already: ${twice[1].reads.name}")
    }
    // Lanes of one sample may all name the same others.
    def others = lines.collectMany { line -> line.background }.unique()
    def own = others.find { pair -> lines.any { line -> line.reads == pair[0] } }
    if (own) {
        error("${first.where}: sample '${sample}' has ${own[0].name} as reads and as background: a sample is no background of itself")
    }
    return [
        [id: sample],
        first.vcf,
        first.vcf_index,
        lines.collect { line -> line.reads },
        lines.collect { line -> line.reads_index },
        first.sample_map,
        others.collect { pair -> pair[0] },
        others.collect { pair -> pair[1] },
    ]
}
